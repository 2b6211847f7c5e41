//! Step: the api-server has deleted the stored outputs and the records of the database. It begins when the condition
//! `Reconciling` has the reason of this step, and reports in the condition `DataDeleted`. The operator has no database.

use std::time::Duration;

use crds::{
    Tenant, conditions,
    tenant::{DataDeletion, TenantStatus},
};
use kube::ResourceExt as _;

use super::{Subject, step::Progress};

/// Time within which an api-server reports what it does about the data: ten times what a rollout takes. The message then says
/// that none has answered; whatever it reports later still counts.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Returns what the api-server has reported about the tenant's data, or that it has not.
pub(super) fn delete(subject: &Subject<'_>) -> Progress {
    let waits = &subject.ctx.data_deletions;
    let uid = subject.tenant.uid().unwrap_or_default();
    let progress = progress(subject.tenant, waits.time_since_first(&uid));
    if progress == Progress::Complete {
        waits.forget(&uid);
    }
    progress
}

/// Returns the progress of the step after the operator has waited for `waited`. Pure.
fn progress(tenant: &Tenant, waited: Duration) -> Progress {
    let status = tenant.status.as_ref();
    let reported = status
        .and_then(|TenantStatus { conditions, .. }| conditions::get(conditions, conditions::DATA_DELETED));
    let Some(reported) = reported else {
        return if waited < ANSWER_TIMEOUT {
            Progress::Waiting(
                "the api-server deletes the stored outputs and the records of the database".to_owned(),
            )
        } else {
            Progress::Blocked(way_out(
                tenant,
                &format!(
                    "the data is not deleted: no api-server has answered for {} s. Check that smb-copilot-api-server runs, and that \
                 one of its replicas mirrors Kubernetes",
                    ANSWER_TIMEOUT.as_secs()
                ),
            ))
        };
    };
    if reported.status == conditions::TRUE {
        return Progress::Complete;
    }
    match reported.reason.parse::<DataDeletion>() {
        Ok(reason) if reason.continues() => Progress::Waiting(reported.message.clone()),
        _ => Progress::Blocked(way_out(tenant, &format!("the data is not deleted: {}", reported.message))),
    }
}

fn way_out(tenant: &Tenant, message: &str) -> String {
    let name = tenant.name_any();
    format!(
        "{message}. To end the tenant without deleting its data, run `kubectl patch sten {name} --type=merge -p \
         '{{\"spec\":{{\"deletionPolicy\":\"Retain\"}}}}'`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(condition: &str) -> Tenant {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {{name: acme}}, spec: {{planRef: {{name: \
             starter}}}}, status: {{conditions: [{condition}]}}}}"
        );
        serde_yaml::from_str(&text).unwrap()
    }

    fn reported(status: &str, reason: DataDeletion) -> Tenant {
        tenant(&format!(
            "{{type: DataDeleted, status: '{status}', reason: {}, message: 7 outputs are left, lastTransitionTime: \
             '2026-11-24T08:00:00Z'}}",
            reason.as_str()
        ))
    }

    /// The namespace of a deleted tenant stays until the api-server reports that the tenant's rows and objects are deleted.
    #[test]
    fn the_step_is_complete_when_the_api_server_says_so() {
        let complete = progress(&reported("True", DataDeletion::Deleted), Duration::MAX);
        assert_eq!(complete, Progress::Complete);
        for reason in [DataDeletion::Deleting, DataDeletion::WaitingForExport] {
            let waiting = progress(&reported("False", reason), Duration::MAX);
            assert_eq!(waiting, Progress::Waiting("7 outputs are left".to_owned()));
        }
    }

    /// What the api-server cannot do by itself blocks the cleanup, and so does its silence; the message says what to do.
    #[test]
    fn a_refusal_and_a_silence_block_the_cleanup() {
        assert!(matches!(progress(&tenant(""), Duration::from_secs(119)), Progress::Waiting(_)));
        let silent = progress(&tenant(""), Duration::from_secs(120));
        let refused = progress(&reported("False", DataDeletion::NotConfirmed), Duration::ZERO);
        for (blocked, words) in [(silent, "no api-server has answered"), (refused, "7 outputs are left")] {
            let Progress::Blocked(message) = blocked else { panic!("not blocked: {blocked:?}") };
            assert!(message.contains(words) && message.contains("kubectl patch sten acme"), "{message}");
        }
    }
}
