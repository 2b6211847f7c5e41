package component

import (
	// Time zones of CronJobs, which then work without tzdata on the host.
	_ "time/tzdata"

	// Registrations in the main packages of Kubernetes: JSON logs, client metrics and version metrics.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)
