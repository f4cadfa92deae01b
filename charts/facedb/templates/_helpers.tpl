{{- /* The beginning of all names. */ -}}
{{- define "facedb.name" -}}
{{- $name := default "facedb" .Values.nameOverride -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "facedb.account" -}}
{{- if .Values.serviceAccount.create }}{{ default (printf "%s-operator" (include "facedb.name" .)) .Values.serviceAccount.name }}
{{- else }}{{ required "serviceAccount.name: say which account the operator has, as serviceAccount.create is false" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "facedb.image" -}}
{{- with .Values.image }}
{{- if and .tag .digest }}{{ fail "image: set tag or digest, not both: a digest says all" }}{{ end }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* Never changes: a Deployment's selector cannot. */ -}}
{{- define "facedb.selector" -}}
app.kubernetes.io/name: facedb-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "facedb.labels" -}}
{{ include "facedb.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with omit .Values.commonLabels "app.kubernetes.io/name" "app.kubernetes.io/instance" }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* labels and annotations of an object's metadata; give it (list $ labels annotations). */ -}}
{{- define "facedb.metadata" -}}
{{- $root := index . 0 -}}
{{- $more := index . 1 -}}
{{- $notes := merge (dict) (index . 2) $root.Values.commonAnnotations -}}
labels:
  {{- merge (dict) (include "facedb.labels" $root | fromYaml) $more | toYaml | nindent 2 }}
{{- with $notes }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "facedb.meta" -}}
{{ include "facedb.metadata" (list . dict dict) }}
{{- end }}
