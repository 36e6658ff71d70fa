"""tests/tidy.py finds each kind of breach, at its line, and leaves good code alone."""

import importlib.util
import shutil
import subprocess

import pytest

from daemon import ROOT

spec = importlib.util.spec_from_file_location("tidy", ROOT / "tests/tidy.py")
tidy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tidy)


def findings(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    shutil.copy(ROOT / ".clang-format", tmp_path)
    return tidy.Tidy(tmp_path).run()


LONG = "int f(void)\n{\n" + "    f();\n" * 67 + "    return 0;\n}\n"  # 71 lines

BREACHES = {
    "room": ("daemon/store/a.c", '#include "daemon/queue/ring.h"\n', 1, "may not include daemon/queue"),
    "room-of-proto": ("proto/a.c", '\n#include "daemon/base/log.h"\n', 2, "may not include daemon/base"),
    "room-of-config": ("config/a.h", '#include "daemon/net/loop.h"\n', 1, "may not include daemon/net"),
    "top": ("daemon/base/a.c", '#include "daemon/dispatch.h"\n', 1, "may not include daemon"),
    "uv": ("daemon/queue/a.c", "#include <uv.h>\n", 1, "may not include uv.h"),
    "yaml": ("daemon/a.c", "#include <yaml.h>\n", 1, "may not include yaml.h"),
    "jansson": ("daemon/net/a.c", "#include <jansson.h>\n", 1, "may not include jansson.h"),
    "unknown-library": ("daemon/a.c", "#include <curl/curl.h>\n", 1, "no header of libc"),
    "no-room": ("proto/a.c", '#include "slice.h"\n', 1, "does not begin with a room"),
    "stray": ("other/a.c", '#include "proto/slice.h"\n', 1, "in no room"),
    "long": ("daemon/a.c", "int x(void);\n\n" + LONG, 3, "a function of 71 lines"),
    "long-inline": ("proto/a.h", "static inline " + LONG, 1, "a function of 71 lines"),
    "variable": ("proto/a.c", "int count;\n", 1, "count is mutable"),
    "static": ("proto/a.c", "\nstatic struct x {\n    int y;\n} thing = {1};\n", 2, "thing is mutable"),
    "pointer": ("proto/a.c", 'static const char *name = "x";\n', 1, "name is mutable"),
    "array": ("proto/a.c", 'static const char *names[] = {"{", "}"};\n', 1, "names is mutable"),
    "function-pointer": ("proto/a.c", "static int (*hook)(int);\n", 1, "hook is mutable"),
    "atomic": ("proto/a.c", "_Atomic(int) n;\n", 1, "n is mutable"),
    "thread-local": ("proto/a.c", "static _Thread_local int errors;\n", 1, "errors is mutable"),
    "in-a-function": ("proto/a.c", "int f(void)\n{\n    static int n;\n    return ++n;\n}\n", 3, "n is mutable"),
    "no-reason": ("proto/a.c", "/* mutable on purpose: */\nint n;\n", 2, "n is mutable"),
    "far-reason": ("proto/a.c", "/* mutable on purpose: see */\n\nint n;\n", 3, "n is mutable"),
    "null": ("proto/a.c", "int f(char *p)\n{\n    return p == NULL;\n}\n", 3, "write !p"),
    "not-null": ("tests/a.c", "int f(char **p)\n{\n    return p[0] != NULL;\n}\n", 3, "write !p"),
    "sizeof": ("proto/a.c", "int f(int *p)\n{\n    return sizeof(*p);\n}\n", 3, "write sizeof x"),
    "blanks": ("docs/a.md", "one\ntwo \n", 2, "blanks at the end"),
    "carriage-return": ("docs/a.md", "one\r\n", 1, "blanks at the end"),
    "no-line-end": ("docs/a.md", "one\ntwo", 2, "no line end"),
    "registry": ("docs/a.md", "see https://registry" + ".npmjs.org/x\n", 1, "package registry"),
    "machine": ("tests/a.py", "open('/wo" + "rk/main/x')\n", 1, "one machine"),
    "home": ("docs/a.md", "in /home" + "/alice/x\n", 1, "one machine"),
}

GOOD = {
    "proto/good.c": """#include "proto/good.h"

#include <stdint.h>
#include <sys/socket.h>

/* int in_a_comment; { */
static const char *const names[] = {"int s;", "{"};
static const struct pair {
    int a, b;
} pairs[] = {{1, 2}, {3, 4}};
const int table[2][2] = {{1, 2}, {3, 4}};
int (*const hook)(int) = 0;
extern const struct codec codec_text;
struct forward;
enum colour { RED, GREEN };
typedef struct forward *forward_ref;
_Static_assert(sizeof(int) == 4, "int");
int f(int (*callback)(void *), const char *text);
/* mutable on purpose: it counts */
static int counter;
int flag; /* mutable on purpose: tests set it */

int f(int (*callback)(void *), const char *text)
{
    static const struct {
        int step;
    } steps[] = {{1}, {2}};
    char c = '{';
    return callback(0) + text[0] + steps[0].step + c + counter;
}
""",
    "proto/good.h": '#ifdef __cplusplus\nextern "C" {\n#endif\nint f(int (*callback)(void *), const char *text);\n'
                    "#ifdef __cplusplus\n}\n#endif\n",
    "daemon/net/good.c": '#include <uv.h>\n\n#include "daemon/base/log.h"\n#include "daemon/net/good.h"\n',
    "daemon/good.c": '#include <uv.h>\n\n#include "config/config.h"\n#include "daemon/store/table.h"\n',
    "clients/cli/good.c": '#include <jansson.h>\n\n#include "clients/c/sluice.h"\n#include "proto/text.h"\n',
    "daemon/short.c": LONG.replace("    f();\n", "", 1),
    "tests/unit/long.c": '#include "helper.h"\n\nstatic int calls;\n\n' + LONG,
    "tests/unit/helper.h": "int f(void);\n",
    "build/ignored.c": "int x; \n",
}


@pytest.mark.parametrize("name", BREACHES)
def test_breach_is_found(tmp_path, name):
    path, text, line, what = BREACHES[name]
    found = findings(tmp_path, {path: text})
    assert any(f.startswith(f"{path}:{line}: ") and what in f for f in found), found


def test_good_code_is_left_alone(tmp_path):
    assert findings(tmp_path, GOOD) == []


def test_calls_in_a_circle(tmp_path):
    """a -> b -> c -> a is found in all three; what only calls into the circle, or is only called from it, is not."""
    files = {name: f"void {name}(void);\nvoid {called}(void);\n\nvoid {name}(void)\n{{\n    {called}();\n}}\n"
             for name, called in (("top", "a"), ("a", "b"), ("b", "c"), ("c", "a"))}
    files["c"] = files["c"].replace("    a();", "    a();\n    bottom();")
    files["bottom"] = "void bottom(void)\n{\n}\n"
    found = findings(tmp_path, {f"daemon/net/{name}.c": text for name, text in files.items()})
    assert [line for line in found if "circle" in line] == [line for line in found if "calls" in line]
    assert sorted(line.split(": ")[0] for line in found if "circle" in line) == [
        "daemon/net/a.c:6", "daemon/net/b.c:6", "daemon/net/c.c:6"]
    files["c"] = files["c"].replace("    a();\n", "")
    found = findings(tmp_path, {f"daemon/net/{name}.c": text for name, text in files.items()})
    assert not [line for line in found if "circle" in line]


def test_formatting(tmp_path):
    program = shutil.which("clang-format")
    if not program or "version 14." not in subprocess.run([program, "--version"], capture_output=True, text=True,
                                                          check=True).stdout:
        pytest.skip("no clang-format 14")
    found = findings(tmp_path, {"proto/a.c": "int  f( void );\n"})
    assert any(f.startswith("proto/a.c:1: ") for f in found), found
