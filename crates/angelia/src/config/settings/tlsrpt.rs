//! Reports about TLS.

use envelope::Address;

use super::reader::Reader;

impl Reader<'_> {
    /// From whom reports are sent; `None`: they are not.
    pub(super) fn tls_reports(&mut self) -> Option<Address> {
        let send = self.bool("tlsrpt.send");
        let contact = self.address("tlsrpt.contact");
        if send && contact.is_none() {
            self.problem(
                "tlsrpt.send",
                0,
                "reports need a sender; write for instance contact = \"postmaster@example.org\"",
            );
        }
        contact.filter(|_| send)
    }
}
