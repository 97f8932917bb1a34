//! What a pod's claim says about its data: rows 1 and 3 of the table in docs/mysql-states.md.

use demo::kubernetes_api::ApiState;

use crate::servers::Servers;

#[tokio::test]
async fn row_1_a_pod_that_cannot_start_does_not_stop_the_first_start_of_a_new_cluster() {
    let mut servers = Servers::start(0).await;
    servers.cluster.make_claim(1).unwrap();

    servers.start_until_ready(&[0]).await;

    // From now on mysql-0's claim says that there may be data, and so does that of a replica with a clone.
    let mark = |ordinal: u8| servers.volume(ordinal).with_extension("never-had-data");
    let (primary, replica) = (mark(0), mark(1));
    assert!(!primary.exists() && replica.exists());
    servers.start_until_ready(&[1]).await;
    assert!(!replica.exists());
}

#[tokio::test]
async fn row_1_a_pod_gets_no_data_before_its_claim_says_that_there_may_be_some() {
    let mut servers = Servers::start(1).await;
    servers.cluster.set_api(ApiState::Unavailable);

    servers.start_until_log_says(1, "waiting to note at the claim data-mysql-1").await;

    assert!(!servers.volume(1).join("data").exists());
    servers.cluster.set_api(ApiState::Working);
    servers.cluster.wait_until_ready(1).await.unwrap();
}

#[tokio::test]
async fn row_3_a_claim_that_is_being_deleted_gives_up_what_a_silent_pod_has() {
    let mut servers = Servers::start_with("given up").await;
    servers.stop(&[1, 0]).await;
    servers.empty_volume(0);
    servers.start_until_log_says(0, "waiting: mysql-1 does not say whether it has data").await;
    let advice = "give up what it has: kubectl delete --ignore-not-found --wait=false pvc/data-mysql-1 pod/mysql-1";
    assert!(servers.log(0).lines().last().unwrap().ends_with(advice), "{}", servers.log(0));

    servers.cluster.begin_to_delete_claim(1).unwrap();

    servers.cluster.wait_until_ready(0).await.unwrap();
}

#[tokio::test]
async fn row_3_a_claim_that_is_being_deleted_does_not_silence_a_pod_that_answers() {
    let mut servers = Servers::start_with("kept").await;
    servers.stop(&[0]).await;
    servers.empty_volume(0);
    servers.cluster.begin_to_delete_claim(1).unwrap();

    servers.start_until_ready(&[0]).await;

    assert_eq!(servers.notes(0).await, ["kept"]);
}

#[tokio::test]
async fn row_3_half_an_answer_of_the_api_server_is_none() {
    let mut servers = Servers::start_with("kept").await;
    servers.stop(&[1, 0]).await;
    servers.empty_volume(0);
    // Nothing; no more than the kind; up to the volume's name; up to the status, which comes last.
    for bytes in [0, 40, 150, 176] {
        servers.cluster.set_api(ApiState::CutShort(bytes));
        servers.start_until_log_says(0, "waiting: ").await;
        assert!(!servers.volume(0).join("data").exists(), "after {bytes} bytes");
        servers.stop(&[0]).await;
    }
    servers.cluster.set_api(ApiState::Working);

    servers.start_until_ready(&[1, 0]).await;

    assert_eq!(servers.notes(0).await, ["kept"]);
}
