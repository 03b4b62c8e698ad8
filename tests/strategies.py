"""Values for properties: what Debian writes, and what somebody hostile would."""

from hypothesis import strategies as st

_digits = st.text("0123456789", min_size=1, max_size=3)
_pieces = st.text("ab019.+~", max_size=6)

upstreams = st.builds(lambda head, tail: head + tail, _digits, _pieces)
versions = st.builds(
    lambda epoch, upstream, revision: epoch + upstream + revision,
    st.sampled_from(["", "", "0:", "1:", "12:"]),
    upstreams,
    st.one_of(st.just(""), st.builds("-{}".format, st.text("ab019.+~", min_size=1, max_size=6))),
)
"""Valid versions, close enough to each other that every rule of the order is met."""

_rpm_parts = st.text("019.ab~^+_", min_size=1, max_size=8)
rpm_versions = st.builds(
    lambda epoch, upstream, release: epoch + upstream + release,
    st.sampled_from(["", "", "0:", "1:"]),
    _rpm_parts,
    st.one_of(st.just(""), _rpm_parts.map("-{}".format)),
)
"""The same for rpm."""

_numbers = st.sampled_from(["0", "1", "01", "00", "10", "9", "2"])
apk_versions = st.builds(
    lambda numbers, letter, suffixes, commit, revision: (
        ".".join(numbers) + letter + "".join(suffixes) + commit + revision
    ),
    st.lists(_numbers, min_size=1, max_size=4),
    st.sampled_from(["", "", "a", "b"]),
    st.lists(
        st.builds(
            "_{}{}".format,
            st.sampled_from(["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"]),
            st.one_of(st.just(""), _numbers),
        ),
        max_size=2,
    ),
    st.sampled_from(["", "", "~a1", "~b"]),
    st.one_of(st.just(""), _numbers.map("-r{}".format)),
)
"""The same for apk."""

hostile_text = st.text(
    st.one_of(
        st.sampled_from("\x1b\x07\r\n\t\0\u202e\u2028\x9b<>&;$`'\"\\/. "),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
"""Whatever else may stand where a record was expected."""
