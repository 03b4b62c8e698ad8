import subprocess
import sys

STARTS = """
import sys
def tell(event, arguments):
    if event in {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"}:
        print(event, arguments)
sys.addaudithook(tell)
import ctypes.util
find = ctypes.util.find_library
import oakum.adapters.transports.asyncssh_transport
assert ctypes.util.find_library is find
"""


def test_loading_the_transport_starts_no_program() -> None:
    """No compiler and no ldconfig: whoever watches a controller sees what Oakum itself starts."""
    done = subprocess.run([sys.executable, "-c", STARTS], check=True, capture_output=True)
    assert done.stdout == b""
