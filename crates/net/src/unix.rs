//! A door on a Unix socket, for programs of this machine: who may open the file may come in.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::UnixListener as TokioListener;

use crate::limits::DESCRIPTOR_PAUSE;
use crate::listener::{Connections, Door, Incoming};
use crate::shutdown::Shutdown;
use crate::stream::Stream;

/// A path cannot be listened on: the operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {path}: {error}", path = path.display())]
pub struct UnixBindError {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// A bound socket; its file goes with it.
pub struct UnixListener {
    socket: StdListener,
    path: PathBuf,
}

impl UnixListener {
    /// Binds, and lets those in whom `mode` lets open the file. A socket that nobody listens on any more is replaced.
    pub fn bind(path: &Path, mode: u32) -> Result<Self, UnixBindError> {
        let failed = |error| UnixBindError { path: path.to_owned(), error };
        remove_left_over(path).map_err(failed)?;
        let socket = StdListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        Ok(Self { socket, path: path.to_owned() })
    }

    /// Lets connections in until the program drains, as [`crate::Listener::run`] does. All of them count as one address,
    /// which has no limit of its own.
    pub async fn run<D: Door>(self, places: Arc<Connections>, shutdown: Shutdown, door: Arc<D>) -> io::Result<()> {
        let listener = TokioListener::from_std(self.socket.try_clone()?)?;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.draining() => return Ok(()),
            };
            let Ok((unix, _)) = accepted else {
                tokio::time::sleep(DESCRIPTOR_PAUSE).await;
                continue;
            };
            let stream = Stream::unix(unix, self.path.clone());
            let (peer, local) = (stream.peer(), stream.local());
            match places.take_unlimited(peer.ip()) {
                Err(why) => door.refused(peer, why),
                Ok(place) => {
                    let (busy, door, shutdown) = (shutdown.busy(), Arc::clone(&door), shutdown.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = door.serve(Incoming { stream, peer, local }) => {}
                            () = shutdown.is_cut_off() => {}
                        }
                        drop((place, busy));
                    });
                }
            }
        }
    }
}

impl Drop for UnixListener {
    fn drop(&mut self) {
        // Whoever comes now is told at once that nobody is there.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Nothing but a socket is ever removed, and none that answers.
fn remove_left_over(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else than a socket stands there"))
        }
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there")),
            Err(_) => std::fs::remove_file(path),
        },
    }
}
