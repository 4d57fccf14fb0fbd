{{/* The files that a role's Collector reads, in this order, a JSON list. */}}
{{- define "configurations" -}}
{{- $files := list (printf "base/%s.yaml" .role) }}
{{- $files = append $files (ternary "base/owners.yaml" "base/labels.yaml" (eq .role "gateway")) }}
{{- with .Values.components }}
{{- if and .mtls (eq $.role "gateway") }}{{ $files = append $files "components/mtls/mtls.yaml" }}{{ end }}
{{- if .kafkaSasl }}{{ $files = append $files "components/kafka-sasl/kafka-sasl.yaml" }}{{ end }}
{{- end }}
{{- toJson $files }}
{{- end }}

{{/* The data of a role's ConfigMap. */}}
{{- define "data" -}}
{{- range include "configurations" . | fromJsonArray }}
{{ base . }}: |
{{ $.Files.Get . | indent 2 }}
{{- end }}
{{- end }}

{{- define "labels" -}}
app.kubernetes.io/part-of: hookspan
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
