import subprocess

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.strategies import versions

from oakum.core.versions.deb import compare

ASK = """
while read -r first second; do
  if dpkg --compare-versions "$first" lt "$second"; then echo -1
  elif dpkg --compare-versions "$first" gt "$second"; then echo 1
  else echo 0; fi
done
"""
TRICKY = ["0", "0~x", "1.0", "1.0-0", "1.0-0~x", "1.", "1--2", "1:0", "1.0+b1", "1.0a"]
TRICKY_PAIRS = [(first, second) for first in TRICKY for second in TRICKY]


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(versions, versions), min_size=100, max_size=100))
@example(TRICKY_PAIRS)
def test_compares_as_dpkg_does(pairs: list[tuple[str, str]]) -> None:
    """The order is dpkg's own, on hundreds of pairs that are close to each other."""
    answer = subprocess.run(
        ["sh", "-c", ASK],
        input="".join(f"{first} {second}\n" for first, second in pairs),
        capture_output=True,
        text=True,
        check=True,
    )
    dpkg = [int(line) for line in answer.stdout.split()]
    assert [compare(first, second) for first, second in pairs] == dpkg
