//! POP3 (RFC 1939): server session.
