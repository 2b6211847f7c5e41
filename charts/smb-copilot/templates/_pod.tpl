{{/* Parts that are common to the pods of the operator, the api-server and its worker. */}}

{{- define "smb.pod.security" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "smb.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "smb.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 1
  failureThreshold: 120
livenessProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 10
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 2
  failureThreshold: 3
{{- end }}

{{- define "smb.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: SMBCOPILOT_RELEASE_NAMESPACE, value: {{ .Release.Namespace | quote }}}
- {name: SMBCOPILOT_HEALTH_ADDR, value: "0.0.0.0:9090"}
- {name: SMBCOPILOT_LOG_FORMAT, value: {{ .Values.logs.format | quote }}}
- {name: RUST_LOG, value: {{ .Values.logs.filter | quote }}}
{{- with .Values.telemetry.otlp }}
{{- if .endpoint }}
- {name: SMBCOPILOT_OTLP_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: SMBCOPILOT_OTLP_SAMPLE_RATIO, value: {{ .sampleRatio | quote }}}
{{- end }}
{{- end }}
{{- /* The allocator returns the memory of a burst instead of keeping it: few arenas, and fixed thresholds in bytes. */}}
- {name: MALLOC_ARENA_MAX, value: "2"}
- {name: MALLOC_MMAP_THRESHOLD_, value: "131072"}
- {name: MALLOC_TRIM_THRESHOLD_, value: "131072"}
{{- end }}

{{- define "smb.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Environment variables with the location of the object storage. A directory is mounted there. */}}
{{- define "smb.objects.env" -}}
{{- $objects := .Values.objectStorage }}
{{- if $objects.url }}
- {name: SMBCOPILOT_OBJECT_STORE_URL, value: {{ $objects.url | quote }}}
- {name: AWS_REGION, value: {{ $objects.s3.region | quote }}}
{{- with $objects.s3.endpoint }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- else if $objects.directory.enabled }}
- {name: SMBCOPILOT_OBJECT_STORE_URL, value: "file:///var/lib/smb-objects"}
{{- end }}
{{- end }}

{{/* Environment variable with the URL for the owner of the database. The roles that serve requests and that write the mirror are
derived from it. */}}
{{- define "smb.database.env" -}}
- name: SMBCOPILOT_MIGRATION_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ include "smb.database.secret" . }}, key: {{ include "smb.database.key" . }}}}
{{- end }}
