//! The Python interpreter, which forks a child for each step.

use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, recv, sendmsg, socketpair,
    },
    unistd::Pid,
};

use crate::{child_io::ChildEnds, config::Config};

/// Running interpreter, with the socket for fork requests.
pub(crate) struct Python {
    control: OwnedFd,
    pid: Pid,
}

/// Result of reading the interpreter's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// The interpreter has loaded its modules.
    Ready,
    /// No message is available.
    None,
    /// The interpreter has ended.
    Closed,
}

/// Failure to start the interpreter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PythonError {
    #[error("failed to create the interpreter's control socket")]
    Socket(#[source] Errno),
    #[error("failed to start {program}")]
    Spawn {
        program: String,
        #[source]
        source: io::Error,
    },
}

impl Python {
    /// Starts an interpreter. It sends `Ready` when its modules are loaded; requests may be sent before.
    ///
    /// # Errors
    /// Returns an error if the interpreter cannot be started.
    pub(crate) fn spawn(config: &Config) -> Result<Self, PythonError> {
        let (control, child_control) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .map_err(PythonError::Socket)?;
        let mut command = Command::new(&config.python);
        // In isolated mode neither the environment nor the working directory affects imports.
        command
            .args(["-I", "-X", "utf8"])
            .arg(&config.harness)
            .arg(&config.preload)
            .stdin(Stdio::from(child_control));
        command.env_clear().env("LANG", "C.UTF-8");
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let failed = |source| PythonError::Spawn { program: config.python.display().to_string(), source };
        let child = command.spawn().map_err(failed)?;
        let pid = i32::try_from(child.id()).map_err(|_| failed(io::ErrorKind::InvalidData.into()))?;
        Ok(Self { control, pid: Pid::from_raw(pid) })
    }

    /// Returns the process ID. The host's main loop reaps the process.
    pub(crate) const fn pid(&self) -> Pid {
        self.pid
    }

    /// Requests a child with these ends.
    ///
    /// # Errors
    /// Returns an error if the request cannot be sent.
    pub(crate) fn fork(&self, ends: &ChildEnds) -> Result<(), Errno> {
        let fds = [ends.channel.as_raw_fd(), ends.stdout.as_raw_fd(), ends.stderr.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&fds)];
        let message = [IoSlice::new(b"fork")];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        sendmsg::<UnixAddr>(self.control.as_raw_fd(), &message, &rights, flags, None).map(drop)
    }

    /// Reads the next message without blocking.
    pub(crate) fn receive(&self) -> Message {
        let mut message = [0; 16];
        match recv(self.control.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => Message::Closed,
            Ok(_) => Message::Ready,
            Err(Errno::EAGAIN | Errno::EINTR) => Message::None,
            Err(_) => Message::Closed,
        }
    }
}

impl AsFd for Python {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}
