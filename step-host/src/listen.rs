//! The socket on which the runner, and nobody else, is let in.

use std::{
    fs, io,
    os::{
        fd::AsFd as _,
        unix::{
            fs::PermissionsExt as _,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// Owner and group: the two containers' users differ, and the volume's group is what they share.
const SOCKET_MODE: u32 = 0o660;

/// Why there is no connection to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("failed to listen on {}", path.display())]
    Bind {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to accept a connection")]
    Accept(#[source] io::Error),
    #[error("failed to learn who connects")]
    Credentials(#[source] nix::Error),
}

/// Binds the socket. One that a killed predecessor left is replaced.
pub(crate) fn bind(path: &Path) -> Result<UnixListener, ListenError> {
    let failed = |source| ListenError::Bind { path: path.to_owned(), source };
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    Ok(listener)
}

/// Takes the next connection: `None` when it comes from another user, who is hung up on.
pub(crate) fn accept(listener: &UnixListener, uid: u32) -> Result<Option<UnixStream>, ListenError> {
    let (stream, _) = listener.accept().map_err(ListenError::Accept)?;
    let peer = getsockopt(&stream.as_fd(), PeerCredentials).map_err(ListenError::Credentials)?;
    Ok((peer.uid() == uid).then_some(stream))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Code of a step that finds the socket starts steps of its own as if it were the runner.
    #[test]
    fn a_connection_of_another_user_is_hung_up_on() {
        let path = std::env::temp_dir().join(format!("smb-listen-{}.sock", std::process::id()));
        let listener = bind(&path).unwrap();
        let me = nix::unistd::getuid().as_raw();
        let mut client = UnixStream::connect(&path).unwrap();
        assert!(accept(&listener, me + 1).unwrap().is_none());
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        let _client = UnixStream::connect(&path).unwrap();
        assert!(accept(&listener, me).unwrap().is_some());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        fs::remove_file(&path).unwrap();
    }
}
