//! A volume that the server's user cannot write to.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use crate::servers::Servers;

/// Root could write anywhere, so it gives up its capabilities first.
const BOOTSTRAP_WITHOUT_CAPABILITIES: &str = r#"
bootstrap=(bash "$MYSQL_RUN/scripts/bootstrap.sh")
[ "$(id -u)" != 0 ] || bootstrap=(setpriv --bounding-set=-all "${bootstrap[@]}")
exec "${bootstrap[@]}""#;

#[tokio::test]
async fn a_pod_that_cannot_write_to_its_volume_says_whose_it_is_and_what_to_do() {
    let servers = Servers::start(1).await;
    let volume = tempfile::tempdir().unwrap();
    fs::set_permissions(volume.path(), Permissions::from_mode(0o555)).unwrap();
    let owner = fs::metadata(volume.path()).unwrap();

    let mut bootstrap = servers.cluster.container(0).unwrap().program("bash");
    bootstrap.args(["-c", BOOTSTRAP_WITHOUT_CAPABILITIES]).env("MYSQL_VOLUME", volume.path());
    let ended = bootstrap.output().await.unwrap();

    let said = String::from_utf8_lossy(&ended.stderr);
    let reason = format!(
        "cannot write to {}: it belongs to {}:{} with mode 555, and this process is user {} in groups ",
        volume.path().display(),
        owner.uid(),
        owner.gid(),
        owner.uid(),
    );
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains(&reason) && said.contains("docs/troubleshooting.md"), "{said}");
    servers.cluster.stop().await.unwrap();
}
