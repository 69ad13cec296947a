package main

import (
	"fmt"
	"os"
	"strings"
)

const (
	virtualKey = "vk-bench-0123456789abcdef"
	limitedKey = "vk-bench-limited-456789abcdef"
	masterKey  = "a master key for nothing but the benchmark"
)

// The prefixes of the gateway's routes, beside the one that relays all to a provider.
const (
	translatedRoute = "/translated"
	toMessagesRoute = "/to-messages"
	limitedRoute    = "/limits"
)

// served ends the name by which the upstream knows a logical model.
const served = "-served"

// settings is the gateway's configuration; %[1]s is the upstream's URL, and the others
// are the keys. The limits are so high that nothing is refused. Providers of the logical
// models are their own, so that nothing about the others depends on them.
const settings = `apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: upstream, provider_type: openai_compatible, base_url: %[1]s/v1, api_key: %[2]s}
- {id: messages, provider_type: anthropic, base_url: %[1]s, api_key: %[2]s}
- {id: first, provider_type: openai_compatible, base_url: %[1]s/v1, api_key: %[2]s}
- {id: second, provider_type: openai_compatible, base_url: %[1]s/v1, api_key: %[2]s}
virtualKeys:
- {id: caller, key: %[3]s, allowed_route_ids: [chat, translated, to-messages, mcp, mcp-stdio]}
- id: limited
  key: %[4]s
  allowed_route_ids: [limits]
  rate_limit: {rpm: 1000000000, tpm: 1000000000000, concurrency: 1000000}
  budget: {usd: 100000000, tokens: 1000000000000000, period: month}
llmRoutes:
- id: chat
  protocol: openai
  match_policy: {path_prefix: /}
  auth_policy: {require_virtual_key: true}
  target_policy: {provider_target: {provider_id: upstream}}
- id: translated
  protocol: anthropic
  match_policy: {path_prefix: /translated}
  auth_policy: {require_virtual_key: true}
  target_policy: {provider_target: {provider_id: upstream}}
- id: to-messages
  protocol: openai
  match_policy: {path_prefix: /to-messages}
  auth_policy: {require_virtual_key: true}
  target_policy: {provider_target: {provider_id: messages}}
- id: limits
  protocol: openai
  match_policy: {path_prefix: /limits}
  auth_policy: {require_virtual_key: true}
  target_policy:
    model_selector_strategy: weighted
    model_targets:
`

// mcpSettings is of MCP: an upstream over HTTP, and a process.
const mcpSettings = `mcpServices:
- {id: http, transport: streamable_http, url: %[1]s, auth: {type: bearer, token: %[2]s}}
- {id: stdio, transport: stdio, command: %[3]q, args: [%[4]s]}
mcpRoutes:
- {id: mcp, service_id: http, match_policy: {path_prefix: %[5]s}, auth_policy: {require_virtual_key: true}}
- {id: mcp-stdio, service_id: stdio, match_policy: {path_prefix: %[6]s}, auth_policy: {require_virtual_key: true}}
`

// bundle is the gateway's configuration in front of an upstream.
func bundle(upstream string) []byte {
	routes, models := &strings.Builder{}, &strings.Builder{}
	for _, s := range scenarios() {
		if !s.limited {
			continue
		}
		fmt.Fprintf(routes, "    - {name: %s, candidates: [{provider_id: first, upstream_model: %[2]s, weight: 3}, {provider_id: second, upstream_model: %[2]s, weight: 1}]}\n",
			s.model, s.upstreamModel())
		for _, provider := range []string{"first", "second"} {
			fmt.Fprintf(models, "- {provider_id: %s, upstream_model: %s, price: {input_per_mtok: 2.5, output_per_mtok: 10, cache_read_per_mtok: 1.25}}\n",
				provider, s.upstreamModel())
		}
	}
	self, _ := os.Executable() // which has started this
	return fmt.Appendf(nil, "%s%smanagedModels:\n%s%s", fmt.Sprintf(settings, upstream, upstreamKey, virtualKey, limitedKey), routes, models,
		fmt.Sprintf(mcpSettings, upstream+mcpRoute, upstreamKey, self, mcpServer, mcpRoute, mcpStdioRoute))
}
