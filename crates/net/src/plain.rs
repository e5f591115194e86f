//! Errors of the system and of TLS in plain words: what an operator reads in lists, notices and the journal.

use std::io;

/// What went wrong, without the names and numbers of libraries.
pub fn plain(error: &io::Error) -> String {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return self::tls(tls);
    }
    let text = match error.kind() {
        io::ErrorKind::UnexpectedEof => return "the connection was closed in the middle".to_owned(),
        _ => error.to_string(),
    };
    match text.find(" (os error ") {
        Some(end) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

pub(crate) fn tls(error: &rustls::Error) -> String {
    use rustls::{CertificateError as Rejected, Error};
    let why = match error {
        Error::InvalidCertificate(why) => why,
        Error::AlertReceived(alert) => return format!("the other side broke TLS off: {alert:?}"),
        Error::PeerIncompatible(_) => return "the other side speaks no TLS that we do".to_owned(),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            return "what the other side says is no TLS".to_owned();
        }
        _ => return error.to_string(),
    };
    let text = match why {
        Rejected::Expired | Rejected::ExpiredContext { .. } => "it has expired",
        Rejected::NotValidYet | Rejected::NotValidYetContext { .. } => "it is not valid yet",
        Rejected::NotValidForName | Rejected::NotValidForNameContext { .. } => "it is for another name",
        Rejected::UnknownIssuer => "nobody that we trust has signed it",
        Rejected::Revoked => "it is revoked",
        Rejected::BadSignature => "its signature is wrong",
        Rejected::BadEncoding => "it cannot be read",
        Rejected::InvalidPurpose | Rejected::InvalidPurposeContext { .. } => "it is not for servers",
        // What our own checks say.
        Rejected::Other(other) if other.0.is::<crate::Untrusted>() => return other.0.to_string(),
        Rejected::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is an authority's own, and no server's (CA:TRUE)"
        }
        _ => return format!("the certificate is refused: {why}"),
    };
    format!("the certificate is refused: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_libraries_stay_inside() {
        let broken = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        let refused = |why| broken(rustls::Error::InvalidCertificate(why));
        for (error, wanted) in [
            (io::Error::from_raw_os_error(libc::ECONNREFUSED), "Connection refused"),
            (io::Error::other("said by us"), "said by us"),
            (
                refused(rustls::CertificateError::UnknownIssuer),
                "the certificate is refused: nobody that we trust has signed it",
            ),
            (refused(rustls::CertificateError::Expired), "the certificate is refused: it has expired"),
            (
                broken(rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure)),
                "the other side broke TLS off: HandshakeFailure",
            ),
        ] {
            assert_eq!(plain(&error), wanted);
        }
    }
}
