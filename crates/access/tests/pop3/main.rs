//! POP3 over real sockets, on the real store: dialogues of our own, and clients that nobody here wrote.

mod clients;
mod dialogues;
mod house;
