{{- define "facedb.name" -}}
{{- if contains "facedb" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-facedb" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "facedb.selector" -}}
app.kubernetes.io/name: facedb-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "facedb.labels" -}}
{{ include "facedb.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
