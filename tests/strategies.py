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
