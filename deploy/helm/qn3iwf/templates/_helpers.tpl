{{- define "qn3iwf.name" -}}
{{ .Release.Name }}-{{ .Values.n3iwf.name }}
{{- end -}}
{{- define "qn3iwf.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- /* Multus' list of networks of a node, whose interfaces are given; empty when none is attached. */ -}}
{{- define "qn3iwf.networks" -}}
{{- $networks := list -}}
{{- range $key, $interface := dict "n2network" .node.n2if "n3network" .node.n3if "nwunetwork" .node.nwuif -}}
{{- $network := index $.Values.global $key -}}
{{- if $network.enabled -}}
{{- $ip := printf "%s/%v" $interface.ipAddress $network.cidr -}}
{{- $networks = append $networks (dict "name" (printf "%s-%s" $network.name (include "qn3iwf.name" $)) "ips" (list $ip)) -}}
{{- end -}}
{{- end -}}
{{- if $networks -}}{{- toJson $networks -}}{{- end -}}
{{- end -}}
{{- /*
Every node as JSON: its name, its interfaces and its whole configuration. The first one is what the values say; each
further one is an entry of `nodes`, with the addresses of its interfaces, an n3iwfId and a name that follow the first one's,
and what its own `configuration` says over all of that. Nodes send their UEs to each other when they end.
*/ -}}
{{- define "qn3iwf.nodes" -}}
{{- $values := .Values -}}
{{- $count := int $values.n3iwf.replicaCount -}}
{{- $others := $values.nodes -}}
{{- if ne (len $others) (max 0 (sub $count 1) | int) -}}
{{- fail (printf "n3iwf.replicaCount is %d, and nodes has %d entries: each node beyond the first needs one, with addresses of its own" $count (len $others)) -}}
{{- end -}}
{{- $base := $values.configuration -}}
{{- $nodes := list -}}
{{- range $ordinal := until $count -}}
{{- $own := dict -}}
{{- $configuration := deepCopy $base -}}
{{- $name := include "qn3iwf.name" $ -}}
{{- if eq $ordinal 0 -}}
{{- $own = pick $values.n3iwf "n2if" "n3if" "nwuif" -}}
{{- else -}}
{{- $own = index $others (sub $ordinal 1 | int) -}}
{{- $name = printf "%s-%d" $name $ordinal -}}
{{- range $interface := list "n2if" "n3if" "nwuif" -}}
{{- if not (dig $interface "ipAddress" "" $own) -}}
{{- fail (printf "nodes[%d].%s.ipAddress is missing: a node needs addresses of its own" (sub $ordinal 1) $interface) -}}
{{- end -}}
{{- end -}}
{{- $ike := dict "address" $own.nwuif.ipAddress -}}
{{- $n2 := dict "n3iwfId" (add (int $base.n2.n3iwfId) $ordinal) "name" (printf "%s-%d" ($base.n2.name | default "qn3iwf") $ordinal) "localAddresses" (list $own.n2if.ipAddress) -}}
{{- $n3 := dict "address" $own.n3if.ipAddress -}}
{{- $configuration = mergeOverwrite $configuration (dict "ike" $ike "n2" $n2 "n3" $n3) (deepCopy ($own.configuration | default dict)) -}}
{{- end -}}
{{- $nodes = append $nodes (dict "name" $name "n2if" $own.n2if "n3if" $own.n3if "nwuif" $own.nwuif "configuration" $configuration) -}}
{{- end -}}
{{- range $one := $nodes -}}
{{- range $other := $nodes -}}
{{- if lt $one.name $other.name -}}
{{- range $path := list "ike.address" "n2.n3iwfId" "n3.address" -}}
{{- $words := splitList "." $path -}}
{{- $first := index $one.configuration (index $words 0) (index $words 1) -}}
{{- $second := index $other.configuration (index $words 0) (index $words 1) -}}
{{- if eq (toString $first) (toString $second) -}}
{{- fail (printf "%s is %v at %s and at %s: no two nodes may have the same" $path $first $one.name $other.name) -}}
{{- end -}}
{{- end -}}
{{- $sae := dig "qkd" "saeId" "" $one.configuration -}}
{{- if and $sae (eq $sae (dig "qkd" "saeId" "" $other.configuration)) -}}
{{- if or (not (hasPrefix "postgres" $one.configuration.qkd.store)) (ne $one.configuration.qkd.store $other.configuration.qkd.store) -}}
{{- fail (printf "qkd.saeId is %s at %s and at %s: nodes of one SAE share a key store in PostgreSQL (qkd.store: postgres://...)" $sae $one.name $other.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $addressed := list -}}
{{- range $node := $nodes -}}
{{- $elsewhere := list -}}
{{- range $other := $nodes -}}
{{- if ne $node.name $other.name -}}
{{- $elsewhere = append $elsewhere $other.configuration.ike.address -}}
{{- end -}}
{{- end -}}
{{- if and $elsewhere (not (hasKey $node.configuration.ike "redirectTo")) -}}
{{- $_ := set $node.configuration.ike "redirectTo" $elsewhere -}}
{{- end -}}
{{- $addressed = append $addressed $node -}}
{{- end -}}
{{- toJson (dict "nodes" $addressed) -}}
{{- end -}}
