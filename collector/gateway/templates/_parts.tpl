{{/* The files that a role's program reads, in this order, a JSON list. */}}
{{- define "configurations" -}}
{{- $files := list }}
{{- if hasSuffix "alerts" .role }}
{{- range $path, $_ := .Files.Glob (.role | replace "alerts" "rules/*.yml") }}{{ $files = append $files $path }}{{ end }}
{{- else }}
{{- $files = list (printf "base/%s.yaml" .role) (ternary "base/owners.yaml" "base/labels.yaml" (eq .role "gateway")) }}
{{- with .Values.components }}
{{- if and .mtls (eq $.role "gateway") }}{{ $files = append $files "components/mtls/mtls.yaml" }}{{ end }}
{{- if and .spanMetrics (eq $.role "ingester") }}{{ $files = append $files "components/span-metrics/span-metrics.yaml" }}{{ end }}
{{- if and .siem (eq $.role "ingester") }}{{ $files = append $files "components/siem/siem.yaml" }}{{ end }}
{{- if .kafkaSasl }}{{ $files = append $files "components/kafka-sasl/kafka-sasl.yaml" }}{{ end }}
{{- end }}
{{- end }}
{{- toJson $files }}
{{- end }}

{{/* The data of a role's ConfigMap: its files, or what the values have in the place of one. */}}
{{- define "data" -}}
{{- $own := dict "owners.yaml" .Values.gateway.owners "labels.yaml" .Values.ingester.labels "budget.yml" .Values.alerts.budget }}
{{- range include "configurations" . | fromJsonArray }}
{{ base . }}: |
{{ get $own (base .) | default ($.Files.Get .) | indent 2 }}
{{- end }}
{{- end }}

{{- define "labels" -}}
app.kubernetes.io/part-of: hookspan
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
