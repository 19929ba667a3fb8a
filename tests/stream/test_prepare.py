"""Makes the two small releases that the other stream tests use, so that they do not each make them."""
import harness as h


def two_releases_of_different_digest():
    h.release("a")
    h.release("b")
    assert open(h.release("a"), "rb").read() != open(h.release("b"), "rb").read()


h.main(two_releases_of_different_digest)
