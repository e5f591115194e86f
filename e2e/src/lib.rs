//! The whole program, over real sockets, with clients and servers that nobody here wrote. Everything stands in the one
//! test binary below `tests/e2e/`; this library is empty.
