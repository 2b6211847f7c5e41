//! The warm Python interpreter: forks a child for each step.

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

use crate::{config::Config, step::ChildEnds};

/// A running interpreter, with the socket over which it is asked to fork.
pub(crate) struct Python {
    control: OwnedFd,
    pid: Pid,
}

/// What the interpreter says on its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Ready,
    Nothing,
    Gone,
}

/// Why there is no interpreter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PythonError {
    #[error("failed to make the interpreter's control socket")]
    Socket(#[source] Errno),
    #[error("failed to start {program}")]
    Spawn {
        program: String,
        #[source]
        source: io::Error,
    },
}

impl Python {
    /// Starts an interpreter. It says `Ready` when its modules are loaded; requests may be sent before.
    pub(crate) fn spawn(config: &Config) -> Result<Self, PythonError> {
        let (control, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .map_err(PythonError::Socket)?;
        let mut command = Command::new(&config.python);
        // Isolated mode: neither the environment nor the working directory changes what is imported.
        command
            .args(["-I", "-X", "utf8"])
            .arg(&config.harness)
            .arg(&config.preload)
            .stdin(Stdio::from(theirs));
        command.env_clear().env("LANG", "C.UTF-8");
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let failed = |source| PythonError::Spawn { program: config.python.display().to_string(), source };
        let child = command.spawn().map_err(failed)?;
        let pid = i32::try_from(child.id()).map_err(|_| failed(io::ErrorKind::InvalidData.into()))?;
        Ok(Self { control, pid: Pid::from_raw(pid) })
    }

    /// Its process id. It is reaped with all others.
    pub(crate) const fn pid(&self) -> Pid {
        self.pid
    }

    /// Asks for a child with these ends.
    pub(crate) fn fork(&self, ends: &ChildEnds) -> Result<(), Errno> {
        let fds = [ends.channel.as_raw_fd(), ends.stdout.as_raw_fd(), ends.stderr.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&fds)];
        let message = [IoSlice::new(b"fork")];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        sendmsg::<UnixAddr>(self.control.as_raw_fd(), &message, &rights, flags, None).map(drop)
    }

    /// Reads what it said, without waiting.
    pub(crate) fn listen(&self) -> Said {
        let mut message = [0; 16];
        match recv(self.control.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => Said::Gone,
            Ok(_) => Said::Ready,
            Err(Errno::EAGAIN | Errno::EINTR) => Said::Nothing,
            Err(_) => Said::Gone,
        }
    }
}

impl AsFd for Python {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}
