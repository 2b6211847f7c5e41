{{/* Labels of every object of the chart. Call with (dict "root" $ "component" "operator"). */}}
{{- define "smb.labels" -}}
{{ include "smb.selector" . }}
app.kubernetes.io/part-of: smb-copilot
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Labels that select the pods of a component. A Deployment's selector is immutable, so these must never change. */}}
{{- define "smb.selector" -}}
app.kubernetes.io/name: smb-copilot
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Reference of an image of the platform. Call with (dict "root" $ "name" "runner"). */}}
{{- define "smb.image" -}}
{{ .root.Values.image.registry }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* User name of a service account of the release, as the API server reports it. */}}
{{- define "smb.user" -}}
system:serviceaccount:{{ .root.Release.Namespace }}:smb-copilot-{{ .component }}
{{- end }}

{{/* Name of the Secret with the URL of the database. Exactly one of the three settings must be given. */}}
{{- define "smb.database.secret" -}}
{{- $given := list }}
{{- if .Values.postgres.url }}{{ $given = append $given "postgres.url" }}{{ end }}
{{- if .Values.postgres.existingSecret.name }}{{ $given = append $given "postgres.existingSecret.name" }}{{ end }}
{{- if .Values.postgres.embedded.enabled }}{{ $given = append $given "postgres.embedded.enabled" }}{{ end }}
{{- if ne (len $given) 1 }}
{{- fail (printf "exactly one of postgres.url, postgres.existingSecret.name and postgres.embedded.enabled must be set (currently set: %s)" (join ", " $given | default "none")) }}
{{- end }}
{{- .Values.postgres.existingSecret.name | default (ternary "smb-copilot-postgres" "smb-copilot-database" .Values.postgres.embedded.enabled) }}
{{- end }}

{{/* Key of the database URL in that Secret. */}}
{{- define "smb.database.key" -}}
{{- if .Values.postgres.existingSecret.name }}{{ .Values.postgres.existingSecret.key }}{{ else }}url{{ end }}
{{- end }}
