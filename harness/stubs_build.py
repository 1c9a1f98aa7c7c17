"""TEMPORARY: weak definitions of what the headers declare and nobody has written yet."""
import re, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
import native_build as nb
out = Path(sys.argv[1]); src = []
for h in sys.argv[2:]:
    p = Path(h); src.append(f'#include "{p.name}"')
    t = nb.CPLUSPLUS.sub("", nb.COMMENT.sub("", p.read_text()))
    t = re.sub(r"^#.*$", "", t, flags=re.M)
    for m in re.finditer(r"^(?:const )?(?:\w+ )+\**(\w+)\(((?:[^;{}()]|\([^()]*\))*)\);", t, re.M):
        if m[1] in nb.NOT_OURS or m[0].startswith("typedef"): continue
        proto = m[0][:-1]
        # unnamed parameters do not occur
        body = "return -14;" if proto.startswith("int ") else "return 0;" if proto.startswith(("uint", "size_t", "const char")) else "return;" if proto.startswith("void ") else "abort();"
        src.append(f"__attribute__((weak)) {proto} {{ {body} }}")
out.write_text("#include <stdlib.h>\n#pragma GCC diagnostic ignored \"-Wunused-parameter\"\n" + "\n".join(src) + "\n")
