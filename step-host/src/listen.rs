//! Socket of the host, which accepts only the runner.

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

/// File mode of the socket: access for owner and group, since the two containers have different users, which
/// share the volume's group.
const SOCKET_MODE: u32 = 0o660;

/// Failure to accept the runner's connection.
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
    #[error("failed to determine the user of a connection")]
    Credentials(#[source] nix::Error),
}

/// Binds the socket. A file that a killed predecessor has left is replaced.
///
/// # Errors
/// Returns an error if the socket cannot be created.
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

/// Accepts the next connection. Returns `None` and closes it if it comes from another user.
///
/// # Errors
/// Returns an error if the connection cannot be accepted or its user cannot be determined.
pub(crate) fn accept(listener: &UnixListener, uid: u32) -> Result<Option<UnixStream>, ListenError> {
    let (stream, _) = listener.accept().map_err(ListenError::Accept)?;
    let peer = getsockopt(&stream.as_fd(), PeerCredentials).map_err(ListenError::Credentials)?;
    Ok((peer.uid() == uid).then_some(stream))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// A connection of another user is closed, so that code of a step cannot act as the runner.
    #[test]
    fn a_connection_of_another_user_is_closed() {
        let path = std::env::temp_dir().join(format!("smb-listen-{}.sock", std::process::id()));
        let listener = bind(&path).unwrap();
        let own_uid = nix::unistd::getuid().as_raw();
        let mut client = UnixStream::connect(&path).unwrap();
        assert!(accept(&listener, own_uid + 1).unwrap().is_none());
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        let _client = UnixStream::connect(&path).unwrap();
        assert!(accept(&listener, own_uid).unwrap().is_some());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        fs::remove_file(&path).unwrap();
    }
}
