//! Return-Path, which final delivery puts on top: the reverse-path of the envelope (RFC 5321 section 4.4).

use envelope::ReversePath;

/// The whole field with its line end. It is never folded, since readers of it look for one line.
pub fn return_path_field(reverse_path: &ReversePath) -> String {
    format!("Return-Path: <{reverse_path}>\r\n")
}
