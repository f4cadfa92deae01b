{{- /*
What the operator may do where it looks after databases: what it does, and no more. tests/test_chart_rules.py holds
this to the code. It follows what it made by watches, so that it need not get one by one; it reads no Secret.
*/ -}}
{{- define "facedb.rules" -}}
# Get and patch are for the sidecars' Roles: the API server lets nobody grant what he may not do himself.
- apiGroups: [facedb.dev]
  resources: [facedatabases]
  verbs: [get, list, watch, patch]
- apiGroups: [facedb.dev]
  resources: [facedatabases/status]
  verbs: [patch]
# Needed to set blockOwnerDeletion where the OwnerReferencesPermissionEnforcement admission plugin runs.
- apiGroups: [facedb.dev]
  resources: [facedatabases/finalizers]
  verbs: [update]
# The API server asks for create and patch where something is applied that may be new.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  # List is for the cluster's words about a claim that no volume comes for.
  verbs: [create, list, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [snapshot.storage.k8s.io]
  resources: [volumesnapshots]
  verbs: [list, watch, create, patch, delete]
# Where they are switched off, those that were made once are taken back.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, {{ if .Values.networkPolicies.enabled }}create, patch, {{ end }}delete]
# The account of each database's serving pods, by name: it lists nobody's. The API server lets it grant only what
# it holds itself, which of FaceDatabases is get and patch.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, create, patch, delete]
{{- end }}

{{- /* Which volumes and snapshots the cluster can make; cluster-scoped, so no Role can grant it. */ -}}
{{- define "facedb.classes" -}}
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [list, watch]
- apiGroups: [snapshot.storage.k8s.io]
  resources: [volumesnapshotclasses]
  verbs: [list, watch]
{{- end }}
