package component

import (
	// CronJob time zones work without tzdata on the host.
	_ "time/tzdata"

	// What the main packages of Kubernetes register before they start: JSON logs, client and version metrics.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)
