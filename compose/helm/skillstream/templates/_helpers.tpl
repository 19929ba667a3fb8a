{{/* Names, labels, and the parts that all pods share. */}}

{{- define "skillstream.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{/* (dict "root" $ "part" "worker") */}}
{{- define "skillstream.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "skillstream.labels" -}}
{{ include "skillstream.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "skillstream.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{- define "skillstream.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "skillstream.name" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end }}

{{/* The head of every pod's spec. */}}
{{- define "skillstream.podHead" -}}
serviceAccountName: {{ include "skillstream.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end }}

{{/* The head of every container. */}}
{{- define "skillstream.containerHead" -}}
image: {{ include "skillstream.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* A value as a user writes it. Numbers of a values file come as float64, which Go prints as 1e+06 from a million on. */}}
{{- define "skillstream.plain" -}}
{{- if kindIs "float64" . }}{{ if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{/* librdkafka's settings as one environment variable: a later source replaces a list as a whole, so all are here. The
     kubelet puts user and password in. */}}
{{- define "skillstream.kafkaEnv" -}}
{{- $settings := list }}
{{- $k := .Values.kafka }}
{{- range $key, $value := $k.settings }}{{ $settings = append $settings (printf "%s=%s" $key (include "skillstream.plain" $value)) }}{{ end }}
{{- if not (hasKey $k.settings "security.protocol") }}
{{- if or $k.tls.enabled $k.sasl.mechanism }}
{{- $settings = append $settings (printf "security.protocol=%s%s" (ternary "SASL_" "" (ne $k.sasl.mechanism "")) (ternary (ternary "SSL" "PLAINTEXT" $k.tls.enabled) "SSL" (ne $k.sasl.mechanism ""))) }}
{{- end }}
{{- end }}
{{- if $k.tls.caSecret }}{{ $settings = append $settings "ssl.ca.location=/etc/skillstream/kafka-ca/ca.crt" }}{{ end }}
{{- if $k.tls.clientSecret }}
{{- $settings = append $settings "ssl.certificate.location=/etc/skillstream/kafka-client/tls.crt" }}
{{- $settings = append $settings "ssl.key.location=/etc/skillstream/kafka-client/tls.key" }}
{{- end }}
{{- if $k.sasl.mechanism }}
{{- $settings = append $settings (printf "sasl.mechanism=%s" $k.sasl.mechanism) }}
{{- $settings = append $settings "sasl.username=$(KAFKA_USERNAME)" }}
{{- $settings = append $settings "sasl.password=$(KAFKA_PASSWORD)" }}
- name: KAFKA_USERNAME
  valueFrom: {secretKeyRef: {name: {{ $k.sasl.secret }}, key: {{ $k.sasl.usernameKey }}}}
- name: KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $k.sasl.secret }}, key: {{ $k.sasl.passwordKey }}}}
{{- end }}
{{- if $settings }}
- name: SKILLSTREAM_KAFKA
  value: {{ join ";" $settings | quote }}
{{- end }}
{{- end }}

{{- define "skillstream.redisEnv" -}}
- name: SKILLSTREAM_REDIS
  valueFrom: {secretKeyRef: {name: {{ .Values.redis.secret }}, key: {{ .Values.redis.key }}}}
{{- end }}

{{- define "skillstream.redisOperatorEnv" -}}
- name: SKILLSTREAM_REDIS
  valueFrom: {secretKeyRef: {name: {{ .Values.redis.operatorSecret | default .Values.redis.secret }}, key: {{ .Values.redis.key }}}}
{{- end }}

{{- define "skillstream.kafkaMounts" -}}
{{- if .Values.kafka.tls.caSecret }}
- {name: kafka-ca, mountPath: /etc/skillstream/kafka-ca, readOnly: true}
{{- end }}
{{- if .Values.kafka.tls.clientSecret }}
- {name: kafka-client, mountPath: /etc/skillstream/kafka-client, readOnly: true}
{{- end }}
{{- end }}

{{- define "skillstream.kafkaVolumes" -}}
{{- if .Values.kafka.tls.caSecret }}
- name: kafka-ca
  secret:
    secretName: {{ .Values.kafka.tls.caSecret }}
    items: [{key: {{ .Values.kafka.tls.caKey }}, path: ca.crt}]
{{- end }}
{{- if .Values.kafka.tls.clientSecret }}
- name: kafka-client
  secret: {secretName: {{ .Values.kafka.tls.clientSecret }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{- define "skillstream.redisMounts" -}}
{{- if .Values.redis.tls.caSecret }}
- {name: redis-ca, mountPath: /etc/skillstream/redis-ca, readOnly: true}
{{- end }}
{{- if .Values.redis.tls.clientSecret }}
- {name: redis-client, mountPath: /etc/skillstream/redis-client, readOnly: true}
{{- end }}
{{- end }}

{{- define "skillstream.redisVolumes" -}}
{{- if .Values.redis.tls.caSecret }}
- name: redis-ca
  secret:
    secretName: {{ .Values.redis.tls.caSecret }}
    items: [{key: {{ .Values.redis.tls.caKey }}, path: ca.crt}]
{{- end }}
{{- if .Values.redis.tls.clientSecret }}
- name: redis-client
  secret: {secretName: {{ .Values.redis.tls.clientSecret }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* Keys of releases: public ones are a file of the program's ConfigMap, the private one is a Secret's. */}}
{{- define "skillstream.trustedKeysData" -}}
{{- with .Values.signing.trustedKeys }}
  trusted.pub: |
    {{- . | trim | nindent 4 }}
{{- end }}
{{- end }}

{{- define "skillstream.trustedKeysMounts" -}}
{{- if .Values.signing.trustedKeys }}
- {name: config, mountPath: /etc/skillstream/trusted.pub, subPath: trusted.pub, readOnly: true}
{{- end }}
{{- end }}

{{- define "skillstream.signKeyMounts" -}}
{{- if .Values.signing.keySecret }}
- {name: sign-key, mountPath: /etc/skillstream/sign, readOnly: true}
{{- end }}
{{- end }}

{{- define "skillstream.signKeyVolumes" -}}
{{- if .Values.signing.keySecret }}
- name: sign-key
  secret:
    secretName: {{ .Values.signing.keySecret }}
    defaultMode: 0440
    items: [{key: {{ .Values.signing.keyName }}, path: key}]
{{- end }}
{{- end }}

{{/* A program's configuration file: one `key = value` a line; a list becomes several lines. */}}
{{- define "skillstream.config" -}}
{{- range $key, $value := . }}
{{- if kindIs "slice" $value }}{{ range $value }}
{{ $key }} = {{ include "skillstream.plain" . }}
{{- end }}
{{- else if not (kindIs "invalid" $value) }}
{{ $key }} = {{ include "skillstream.plain" $value }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses values that can be rendered but cannot work. */}}
{{- define "skillstream.check" -}}
{{- $w := .Values.worker }}{{ $k := .Values.kafka }}
{{- $most := int (ternary $w.autoscaling.maxReplicas $w.replicas $w.autoscaling.enabled) }}
{{- if and $w.enabled (gt $most (int $k.partitions)) }}
{{- fail (printf "worker: %d replicas, but topic %s has %d partitions (kafka.partitions): more workers than partitions would idle" $most .Values.topics.ads (int $k.partitions)) }}
{{- end }}
{{- with $w.autoscaling.activationLagThreshold }}
{{- if le (int .) (int $k.partitions) }}
{{- fail (printf "worker.autoscaling.activationLagThreshold: must be above kafka.partitions (%d), because each fully read partition shows lag 1" (int $k.partitions)) }}
{{- end }}
{{- end }}
{{- if gt (int $w.autoscaling.minReplicas) (int $w.autoscaling.maxReplicas) }}
{{- fail "worker.autoscaling: minReplicas is above maxReplicas" }}
{{- end }}
{{- if le (int $w.terminationGracePeriodSeconds) (add (int $w.preStopSeconds) 25 | int) }}
{{- fail "worker.terminationGracePeriodSeconds: must be more than preStopSeconds + 25 (the worker's own grace)" }}
{{- end }}
{{- if and (or $k.tls.caSecret $k.tls.clientSecret) (not $k.tls.enabled) (not (hasKey $k.settings "security.protocol")) }}
{{- fail "kafka.tls.enabled: certificates are given, but TLS is off" }}
{{- end }}
{{- if and $k.sasl.mechanism (not $k.sasl.secret) }}
{{- fail "kafka.sasl.secret: name the Secret with user and password" }}
{{- end }}
{{- if and (or .Values.trainer.enabled .Values.producer.enabled .Values.release.enabled) (not .Values.assets.volume) }}
{{- fail "assets.volume: trainer, producer and the release Job need a volume with encoder and taxonomy" }}
{{- end }}
{{- if and .Values.signing.trustedKeys (not .Values.signing.keySecret) (or .Values.trainer.enabled .Values.release.enabled) }}
{{- fail "signing.keySecret: with signing.trustedKeys, what trainer and release Job publish must be signed; name the Secret with the private key" }}
{{- end }}
{{- if and .Values.producer.enabled (not (and .Values.producer.llm.url .Values.producer.llm.model)) }}
{{- fail "producer.llm: url and model are needed" }}
{{- end }}
{{- end }}
