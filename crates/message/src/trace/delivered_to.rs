//! Delivered-To (RFC 9228): which address sent a letter on. Those who forward write it, and look for it to know a
//! letter that comes back.

use envelope::Address;

use crate::header::Header;

/// The whole field with its line end.
pub fn delivered_to_field(address: &Address) -> String {
    format!("Delivered-To: {address}\r\n")
}

/// Every address that a letter says it was delivered to. What is no address is passed over.
pub fn delivered_to(header: &Header<'_>) -> Vec<Address> {
    let plain = |text: String| {
        let text = text.trim();
        let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        Address::parse(text).ok()
    };
    header.get_all("delivered-to").filter_map(|field| plain(field.text())).collect()
}
