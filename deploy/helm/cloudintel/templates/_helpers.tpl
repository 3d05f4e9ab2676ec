{{/* Names and labels. */}}
{{- define "cloudintel.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "cloudintel.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cloudintel.labels" -}}
{{ include "cloudintel.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "cloudintel.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The settings that are no secrets, as a map. */}}
{{- define "cloudintel.settings" -}}
{{- $ofHost := dict "CLOUDINTEL_ALLOWED_HOSTS" .Values.host "CLOUDINTEL_TRUSTED_ORIGINS" (printf "https://%s" .Values.host) -}}
{{- toYaml (merge (deepCopy .Values.settings) $ofHost) -}}
{{- end -}}

{{/* What every pod has in common: no rights in the cluster, no root, two folders to write to. */}}
{{- define "cloudintel.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
volumes:
  - name: data
    emptyDir:
      sizeLimit: 4Gi
  - name: tmp
    emptyDir:
      sizeLimit: 2Gi
{{- end -}}

{{/* What every container has in common. */}}
{{- define "cloudintel.container" -}}
image: {{ include "cloudintel.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: data
    mountPath: /data
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{- define "cloudintel.envFrom" -}}
envFrom:
  - configMapRef:
      name: {{ include "cloudintel.fullname" . }}
  - secretRef:
      name: {{ .Values.secret }}
{{- end -}}

{{/* What watches or maintains the database goes around its pooler, where there is one. */}}
{{- define "cloudintel.aroundPool" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.secret }}
      key: DATABASE_DIRECT_URL
      optional: true
{{- end -}}

{{/* Pods begin anew when their settings change. */}}
{{- define "cloudintel.annotations" -}}
checksum/settings: {{ include "cloudintel.settings" . | sha256sum }}
{{- end -}}

{{/* What the scanner would have otherwise, and why it is as it is. */}}
{{- define "cloudintel.accepted" -}}
checkov.io/skip1: CKV_K8S_35=The platform reads its secrets from the environment, as it does everywhere
checkov.io/skip2: CKV_K8S_43=The tag is a commit's, and the registries refuse to change it
{{- end -}}
