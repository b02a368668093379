{{/* The chart's name, or nameOverride. */}}
{{- define "imc.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of what serves reviews, and the beginning of every other name. Short enough for `-controller`. */}}
{{- define "imc.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "imc.controllerName" -}}
{{- printf "%s-controller" (include "imc.fullname" .) }}
{{- end }}

{{/* Sorts after the usual injectors: the API server calls mutating webhooks in the order of these names. */}}
{{- define "imc.webhookConfigurationName" -}}
{{- default (printf "zz-%s" (include "imc.fullname" .)) .Values.webhook.configurationName }}
{{- end }}

{{- define "imc.settingsName" -}}
{{- printf "%s-settings" (include "imc.fullname" .) }}
{{- end }}

{{/* The ConfigMap that keeps the last good eci-profile. */}}
{{- define "imc.profileName" -}}
{{- printf "%s-profile" (include "imc.fullname" .) }}
{{- end }}

{{- define "imc.stateName" -}}
{{- printf "%s-state" (include "imc.fullname" .) }}
{{- end }}

{{- define "imc.leaseName" -}}
{{- include "imc.controllerName" . }}
{{- end }}

{{- define "imc.tlsSecretName" -}}
{{- if eq .Values.tls.mode "files" }}
{{- .Values.tls.files.secretName }}
{{- else if eq .Values.tls.mode "cert-manager" }}
{{- printf "%s-cert" (include "imc.fullname" .) }}
{{- else }}
{{- printf "%s-tls" (include "imc.fullname" .) }}
{{- end }}
{{- end }}

{{/* The Secret of the CA and its key, which serve may not read. */}}
{{- define "imc.authoritySecretName" -}}
{{- printf "%s-ca" (include "imc.tlsSecretName" .) }}
{{- end }}

{{- define "imc.serviceAccountName" -}}
{{- default (include "imc.fullname" .) .Values.serve.serviceAccount.name }}
{{- end }}

{{- define "imc.controllerServiceAccountName" -}}
{{- default (include "imc.controllerName" .) .Values.controller.serviceAccount.name }}
{{- end }}

{{- define "imc.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository $tag }}
{{- end }}
{{- end }}

{{/* Labels that never change, for selectors. Takes a dict with `root` and `component`. */}}
{{- define "imc.selectorLabels" -}}
app.kubernetes.io/name: {{ include "imc.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* All labels of an object. Takes the same. */}}
{{- define "imc.labels" -}}
{{ include "imc.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* How long a pod may take to stop: the drain, what is in flight after it, and room for a slow node. */}}
{{- define "imc.terminationGracePeriodSeconds" -}}
{{- $drain := 10 }}
{{- if hasKey .Values.config "drainSeconds" }}
{{- if not (kindIs "invalid" .Values.config.drainSeconds) }}
{{- $drain = int .Values.config.drainSeconds }}
{{- end }}
{{- end }}
{{- add $drain 20 }}
{{- end }}

{{- define "imc.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "imc.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What both Deployments say of their pods. Takes a dict with `root`, `component`, `values` and `serviceAccount`. */}}
{{- define "imc.podSpec" -}}
serviceAccountName: {{ .serviceAccount }}
automountServiceAccountToken: true
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- include "imc.podSecurityContext" .root | nindent 2 }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $selector := include "imc.selectorLabels" (dict "root" .root "component" .component) }}
affinity:
{{- if .values.affinity }}
  {{- toYaml .values.affinity | nindent 2 }}
{{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- $selector | nindent 14 }}
{{- end }}
{{- if .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
{{- else }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- $selector | nindent 8 }}
  {{- end }}
{{- end }}
terminationGracePeriodSeconds: {{ include "imc.terminationGracePeriodSeconds" .root }}
{{- end }}

{{/* The program asks for the first; the namespace is the one it never touches, spec G3. */}}
{{- define "imc.env" -}}
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end }}

{{- define "imc.probes" -}}
livenessProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: admin
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 3
{{- end }}

{{/* Namespaces no entry ever sees, and those that ask to be left alone (spec G3). */}}
{{- define "imc.namespaceExpressions" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values:
    - kube-system
    - kube-public
    - kube-node-lease
    - {{ .Release.Namespace }}
    {{- range .Values.webhook.excludeNamespaces }}
    - {{ . }}
    {{- end }}
- key: imc-webhook/ignore
  operator: NotIn
  values: ["true"]
{{- with .Values.webhook.namespaceExpressions }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Pods no entry ever sees (spec G3). */}}
{{- define "imc.podExpressions" -}}
- key: imc-webhook/ignore
  operator: NotIn
  values: ["true"]
- key: alibabacloud.com/acs
  operator: NotIn
  values: ["true"]
{{- with .Values.webhook.podExpressions }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The labels of scope `labelled` (spec G4, S7), as JSON: {"namespaces": [...], "pods": [...]}. */}}
{{- define "imc.labelledBy" -}}
{{- $namespaces := list (dict "key" "alibabacloud.com/eci" "value" "true") (dict "key" "virtual-node-affinity-injection" "value" "enabled") (dict "key" "imc-webhook/enabled" "value" "true") }}
{{- $pods := list (dict "key" "alibabacloud.com/eci" "value" "true") (dict "key" "eci" "value" "true") }}
{{- dict "namespaces" (concat $namespaces .Values.webhook.namespaceLabels) "pods" (concat $pods .Values.webhook.podLabels) | toJson }}
{{- end }}

{{/* `In` or `NotIn` for one label. Takes a dict with `label` and `operator`. */}}
{{- define "imc.labelExpression" -}}
- key: {{ .label.key }}
  operator: {{ .operator }}
  values: [{{ .label.value | quote }}]
{{- end }}

{{/* What all entries of the webhook configuration have in common (spec S7). */}}
{{- define "imc.webhookEntry" -}}
admissionReviewVersions: [v1]
clientConfig:
  service:
    namespace: {{ .Release.Namespace }}
    name: {{ include "imc.fullname" . }}
    path: /mutate
    port: 443
  {{- if eq .Values.tls.mode "files" }}
  caBundle: {{ .Values.tls.files.caBundle | trim | b64enc }}
  {{- end }}
rules:
  - operations: [CREATE]
    apiGroups: [""]
    apiVersions: [v1]
    resources: [pods]
    scope: Namespaced
failurePolicy: Ignore
sideEffects: None
timeoutSeconds: {{ .Values.webhook.timeoutSeconds }}
reinvocationPolicy: IfNeeded
matchPolicy: Equivalent
{{- if semverCompare ">=1.28.0-0" .Capabilities.KubeVersion.Version }}
matchConditions:
  - name: not-a-mirror-pod
    expression: >-
      !has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)
  - name: not-to-be-left-alone
    expression: >-
      !has(object.metadata.annotations) || !('imc-webhook/ignore' in object.metadata.annotations) ||
      object.metadata.annotations['imc-webhook/ignore'] != 'true'
  - name: not-on-a-real-node
    expression: >-
      !has(object.spec.nodeName) || object.spec.nodeName == '' || object.spec.nodeName.startsWith('virtual-kubelet') ||
      object.spec.nodeName.startsWith('virtual-node-eci') || object.spec.nodeName.contains('.vnd-')
{{- end }}
{{- end }}

{{/* The arguments both commands share: the settings, where reviews are answered, the pages for health and metrics. */}}
{{- define "imc.commonArguments" -}}
- "--config=/etc/imc/settings/imc.yaml"
- "--port=8443"
- "--admin-host=::"
- "--admin-port=8080"
- "--profile-config-map={{ include "imc.profileName" . }}"
{{- if eq .Values.tls.mode "self-managed" }}
- "--tls-secret={{ include "imc.tlsSecretName" . }}"
{{- end }}
{{- end }}

{{/*
Whether every pod a rule of the eci-profile selects comes here in scope `labelled`: one of its selectors asks for one of
the labels. A rule without a selector brings no pod by itself. Takes a dict with `rule` and `labels`.
*/}}
{{- define "imc.ruleIsReachable" -}}
{{- $labels := .labels }}
{{- $reachable := false }}
{{- $selects := false }}
{{- range $field, $kind := dict "namespaceSelector" "namespaces" "objectSelector" "pods" }}
{{- $selector := get $.rule $field }}
{{- if kindIs "map" $selector }}
{{- $matchLabels := get $selector "matchLabels" }}
{{- $expressions := get $selector "matchExpressions" }}
{{- if or $matchLabels $expressions }}
{{- $selects = true }}
{{- end }}
{{- range get $labels $kind }}
{{- if kindIs "map" $matchLabels }}
{{- if eq (toString (get $matchLabels .key)) .value }}
{{- $reachable = true }}
{{- end }}
{{- end }}
{{- if kindIs "slice" $expressions }}
{{- $label := . }}
{{- range $expressions }}
{{- if kindIs "map" . }}
{{- if and (eq (toString (get . "key")) $label.key) (eq (toString (get . "operator")) "In") (eq (toJson (get . "values")) (toJson (list $label.value))) }}
{{- $reachable = true }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- or $reachable (not $selects) }}
{{- end }}

{{/* What the schema cannot say: values that need each other. */}}
{{- define "imc.check" -}}
{{- $tls := .Values.tls }}
{{- if eq $tls.mode "files" }}
{{- if not $tls.files.secretName }}
{{- fail "tls.files.secretName is needed with tls.mode files: name a Secret of type kubernetes.io/tls in the namespace of the release" }}
{{- end }}
{{- if not (contains "-----BEGIN CERTIFICATE-----" $tls.files.caBundle) }}
{{- fail "tls.files.caBundle is needed with tls.mode files: give the CA in PEM, as in --set-file tls.files.caBundle=ca.crt" }}
{{- end }}
{{- else if or $tls.files.secretName $tls.files.caBundle }}
{{- fail (printf "tls.files has no effect with tls.mode %s: set tls.mode=files, or remove tls.files" $tls.mode) }}
{{- end }}
{{- if and (eq $tls.mode "self-managed") (not .Values.controller.enabled) }}
{{- fail "controller.enabled=false leaves nobody to make certificates with tls.mode self-managed: choose cert-manager or files" }}
{{- end }}
{{- if and (eq .Values.webhook.scope "cluster") (or .Values.webhook.namespaceLabels .Values.webhook.podLabels) }}
{{- fail "webhook.namespaceLabels and webhook.podLabels have no effect with webhook.scope cluster: set webhook.scope=labelled, or remove them" }}
{{- end }}
{{- end }}
