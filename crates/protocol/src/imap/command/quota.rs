//! Limits of what may be kept (RFC 9208).

/// `SETQUOTA`: new limits of a quota root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetQuota {
    /// Its name.
    pub root: Vec<u8>,
    /// Names of resources in upper case, each with its limit.
    pub limits: Vec<(String, u64)>,
}
