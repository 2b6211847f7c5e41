//! Private wire contracts between the programs of this repository.
//!
//! [`frame`] encodes messages for a stream socket, [`host`] has the messages between runner and step host, and
//! [`internal`] the requests of a runner to the api-server, and [`parsing`] those of the api-server to the parser of
//! documents; [`number`] finds integers that JSON parsers would round. The crate does no I/O, so that both sides can use
//! their own, blocking or not.

pub mod frame;
pub mod host;
pub mod internal;
pub mod number;
pub mod parsing;
