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

{{/* Namespace of the pods that find out whether the cluster enforces network policies. */}}
{{- define "smb.probe.namespace" -}}
{{ .Release.Namespace }}-network-probe
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

{{/* URL of the vector database, or nothing if there is none. */}}
{{- define "smb.qdrant.url" -}}
{{- if and .Values.qdrant.url .Values.qdrant.embedded.enabled }}
{{- fail "at most one of qdrant.url and qdrant.embedded.enabled may be set" }}
{{- end }}
{{- if .Values.qdrant.embedded.enabled }}http://smb-copilot-qdrant.{{ .Release.Namespace }}.svc:6334{{ else }}{{ .Values.qdrant.url }}{{ end }}
{{- end }}

{{/* Environment variables with the URL and the API key of the vector database. */}}
{{- define "smb.qdrant.env" -}}
{{- with include "smb.qdrant.url" . }}
- {name: SMBCOPILOT_QDRANT_URL, value: {{ . | quote }}}
{{- end }}
{{- if .Values.qdrant.embedded.enabled }}
- name: SMBCOPILOT_QDRANT_API_KEY
  valueFrom: {secretKeyRef: {name: smb-copilot-qdrant, key: api-key}}
{{- else if and .Values.qdrant.url .Values.qdrant.apiKeySecret.name }}
- name: SMBCOPILOT_QDRANT_API_KEY
  valueFrom: {secretKeyRef: {name: {{ .Values.qdrant.apiKeySecret.name }}, key: {{ .Values.qdrant.apiKeySecret.key }}}}
{{- end }}
{{- end }}

{{/* Environment variables of the embedding model, or nothing if there is none. */}}
{{- define "smb.embeddings.env" -}}
{{- with .Values.embeddings }}
{{- if .url }}
- {name: SMBCOPILOT_EMBEDDINGS_URL, value: {{ .url | quote }}}
- {name: SMBCOPILOT_EMBEDDINGS_MODEL, value: {{ .model | quote }}}
- {name: SMBCOPILOT_EMBEDDINGS_DIMENSIONS, value: {{ .dimensions | int | quote }}}
{{- with .apiKeySecret }}
{{- if .name }}
- name: SMBCOPILOT_EMBEDDINGS_API_KEY
  valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
