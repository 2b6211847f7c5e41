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

const READ_BYTES: usize = 64 * 1024;

/// Whether the peer may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Open,
    Gone,
}

/// A stream of frames in both directions. Nothing here blocks.
pub(crate) struct Framed {
    stream: UnixStream,
    decoder: Decoder,
    outgoing: Vec<u8>,
}

impl Framed {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, decoder: Decoder::default(), outgoing: Vec::new() })
    }

    /// Bytes that wait to be written.
    pub(crate) const fn pending(&self) -> usize {
        self.outgoing.len()
    }

    /// Puts a message behind those that wait, and writes what the peer takes now.
    pub(crate) fn send<T: Serialize>(&mut self, message: &T) -> Result<Peer, FrameError> {
        self.outgoing.extend_from_slice(&encode(message)?);
        Ok(self.flush())
    }

    /// Writes what the peer takes now.
    pub(crate) fn flush(&mut self) -> Peer {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(0) => return Peer::Gone,
                Ok(written) => drop(self.outgoing.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Peer::Open,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Peer::Gone,
            }
        }
        Peer::Open
    }

    /// Reads once. Any failure of the stream is its end.
    pub(crate) fn fill(&mut self) -> Peer {
        let mut bytes = [0; READ_BYTES];
        match self.stream.read(&mut bytes) {
            Ok(0) => Peer::Gone,
            Ok(read) => {
                self.decoder.push(bytes.get(..read).unwrap_or_default());
                Peer::Open
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Peer::Open
            }
            Err(_) => Peer::Gone,
        }
    }

    /// The next whole message of those read.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        self.decoder.decode()
    }
}

impl AsFd for Framed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
