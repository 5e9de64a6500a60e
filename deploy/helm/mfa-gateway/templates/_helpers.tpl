{{- define "mfa-gateway.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "mfa-gateway.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "mfa-gateway.labels" -}}
{{ include "mfa-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "mfa-gateway.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "mfa-gateway.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "mfa-gateway.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The configuration: what the values say, and what the chart knows better. */}}
{{- define "mfa-gateway.config" -}}
{{- include "mfa-gateway.refuse" . -}}
{{- $own := dict
      "listen" "0.0.0.0:8080"
      "ops_listen" "0.0.0.0:9091"
      "timeouts" (dict "drain" (printf "%ds" (int .Values.drainSeconds)) "notice" (printf "%ds" (int .Values.noticeSeconds)))
      "secrets" (dict "keys_file" "/run/secrets/mfa-gateway/keys") -}}
{{- if eq .Values.store.kind "embedded" -}}
{{- $_ := set $own "store" (dict "url" "embedded" "data_dir" "/var/lib/mfa-gateway") -}}
{{- end -}}
{{- if .Values.extAuthz.enabled -}}
{{- $_ := set $own "ext_authz" (dict "listen" (printf "0.0.0.0:%d" (int .Values.extAuthz.port))) -}}
{{- end -}}
{{ toYaml (mergeOverwrite (deepCopy .Values.config) $own) }}
{{- end -}}

{{/* What a schema cannot say: values that are good by themselves and not together. */}}
{{- define "mfa-gateway.refuse" -}}
{{- range $key := list "listen" "ops_listen" "workers" "secrets" "ext_authz" -}}
{{- if hasKey $.Values.config $key -}}
{{- fail (printf "config.%s is written by the chart: take it out" $key) -}}
{{- end -}}
{{- end -}}
{{- range $key := list "url" "data_dir" -}}
{{- if hasKey ($.Values.config.store | default dict) $key -}}
{{- fail (printf "config.store.%s is written by the chart: see the value store.kind" $key) -}}
{{- end -}}
{{- end -}}
{{- range $key := list "drain" "notice" -}}
{{- if hasKey ($.Values.config.timeouts | default dict) $key -}}
{{- fail (printf "config.timeouts.%s is written by the chart: set the value %sSeconds" $key $key) -}}
{{- end -}}
{{- end -}}
{{- if ge (int .Values.noticeSeconds) (int .Values.drainSeconds) -}}
{{- fail "noticeSeconds is a part of drainSeconds: it has to be less" -}}
{{- end -}}
{{- if eq .Values.store.kind "embedded" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) -}}
{{- fail "store.kind embedded is for one replica: set replicas to 1 and autoscaling.enabled to false, or take an external store" -}}
{{- end -}}
{{- end -}}
{{- if not (or .Values.config.upstream .Values.config.trusted_proxies) -}}
{{- fail "config names neither the API to forward to (upstream) nor the proxies that may ask (trusted_proxies)" -}}
{{- end -}}
{{- if and .Values.extAuthz.enabled (not .Values.config.trusted_proxies) -}}
{{- fail "extAuthz answers nobody: write the network of your Envoy into config.trusted_proxies" -}}
{{- end -}}
{{- end -}}
