{{/* Labels of every object of the chart. Call with (dict "root" $ "component" "operator"). */}}
{{- define "smb.labels" -}}
{{ include "smb.selector" . }}
app.kubernetes.io/part-of: smb-copilot
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* What selects a component's pods; never changes. */}}
{{- define "smb.selector" -}}
app.kubernetes.io/name: smb-copilot
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* An image of ours. Call with (dict "root" $ "name" "runner"). */}}
{{- define "smb.image" -}}
{{ .root.Values.image.registry }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* The user name of a service account of the release, as the API server sees it. */}}
{{- define "smb.user" -}}
system:serviceaccount:{{ .root.Release.Namespace }}:smb-copilot-{{ .component }}
{{- end }}

{{/* The Secret that holds the URL of the database; exactly one of three says where it is. */}}
{{- define "smb.database.secret" -}}
{{- $given := list }}
{{- if .Values.postgres.url }}{{ $given = append $given "postgres.url" }}{{ end }}
{{- if .Values.postgres.existingSecret.name }}{{ $given = append $given "postgres.existingSecret.name" }}{{ end }}
{{- if .Values.postgres.embedded.enabled }}{{ $given = append $given "postgres.embedded.enabled" }}{{ end }}
{{- if ne (len $given) 1 }}
{{- fail (printf "set exactly one of postgres.url, postgres.existingSecret.name and postgres.embedded.enabled (set now: %s)" (join ", " $given | default "none")) }}
{{- end }}
{{- .Values.postgres.existingSecret.name | default (ternary "smb-copilot-postgres" "smb-copilot-database" .Values.postgres.embedded.enabled) }}
{{- end }}

{{/* The key in that Secret. */}}
{{- define "smb.database.key" -}}
{{- if .Values.postgres.existingSecret.name }}{{ .Values.postgres.existingSecret.key }}{{ else }}url{{ end }}
{{- end }}
