//! Frames over a non-blocking Unix stream, for use with `poll`.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use protocol::frame::{Decoder, FrameError, encode};
use serde::{Serialize, de::DeserializeOwned};

const READ_BUFFER_BYTES: usize = 64 * 1024;

/// State of the connection to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Open,
    Closed,
}

/// Stream of frames in both directions. No operation blocks.
pub(crate) struct Framed {
    stream: UnixStream,
    decoder: Decoder,
    outgoing: Vec<u8>,
}

impl Framed {
    /// Makes the stream non-blocking.
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, decoder: Decoder::default(), outgoing: Vec::new() })
    }

    /// Returns the number of bytes that wait to be written.
    pub(crate) const fn pending(&self) -> usize {
        self.outgoing.len()
    }

    /// Adds a message to those that wait and writes as much as the peer accepts now.
    ///
    /// # Errors
    /// Returns an error if the message cannot be encoded.
    pub(crate) fn send<T: Serialize>(&mut self, message: &T) -> Result<Peer, FrameError> {
        self.outgoing.extend_from_slice(&encode(message)?);
        Ok(self.flush())
    }

    /// Writes as much as the peer accepts now.
    pub(crate) fn flush(&mut self) -> Peer {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(0) => return Peer::Closed,
                Ok(written) => drop(self.outgoing.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Peer::Open,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Peer::Closed,
            }
        }
        Peer::Open
    }

    /// Reads once. Any failure of the stream counts as its end.
    pub(crate) fn fill(&mut self) -> Peer {
        let mut bytes = [0; READ_BUFFER_BYTES];
        match self.stream.read(&mut bytes) {
            Ok(0) => Peer::Closed,
            Ok(read) => {
                self.decoder.push(bytes.get(..read).unwrap_or_default());
                Peer::Open
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Peer::Open
            }
            Err(_) => Peer::Closed,
        }
    }

    /// Returns the next complete message, or `None` if more bytes must be read.
    ///
    /// # Errors
    /// Returns an error if the frame is too large or its body cannot be parsed.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        self.decoder.decode()
    }
}

impl AsFd for Framed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
