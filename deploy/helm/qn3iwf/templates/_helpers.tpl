{{- define "qn3iwf.name" -}}
{{ .Release.Name }}-{{ .Values.n3iwf.name }}
{{- end -}}
{{- define "qn3iwf.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- /* Multus' list of attached networks; empty when none is. */ -}}
{{- define "qn3iwf.networks" -}}
{{- $networks := list -}}
{{- range $key, $interface := dict "n2network" .Values.n3iwf.n2if "n3network" .Values.n3iwf.n3if "nwunetwork" .Values.n3iwf.nwuif -}}
{{- $network := index $.Values.global $key -}}
{{- if $network.enabled -}}
{{- $ip := printf "%s/%v" $interface.ipAddress $network.cidr -}}
{{- $networks = append $networks (dict "name" (printf "%s-%s" $network.name (include "qn3iwf.name" $)) "ips" (list $ip)) -}}
{{- end -}}
{{- end -}}
{{- if $networks -}}{{- toJson $networks -}}{{- end -}}
{{- end -}}
