package openai

import "github.com/agent-gateway/agent-gateway/llm"

// Short names, for the table's sake.
const (
	chats       = llm.OpenAIChat
	responses   = llm.OpenAIResponses
	stored      = llm.OpenAIResponse
	completions = llm.OpenAICompletions
	embeddings  = llm.OpenAIEmbeddings
	moderations = llm.OpenAIModerations
	images      = llm.OpenAIImages
	audio       = llm.OpenAIAudio
	files       = llm.OpenAIFiles
	batches     = llm.OpenAIBatches
	rerank      = llm.OpenAIRerank
	models      = llm.OpenAIModels
)

type ops = []llm.Operation

// Types are the built-in types. Base URLs and operations follow the vendors' references
// of their API; a habit that is not told there says where it is from. An operation is
// left out where the reference does not have it below the base URL, or it is in doubt.
//
// The compatible endpoints of Anthropic and Google are not here: their own protocols
// say more, and are translated to.
var Types = []Type{
	{Name: "openai", BaseURL: "https://api.openai.com/v1", PreferResponses: true},
	// Whatever the upstream has: it says itself what it does not.
	{Name: "openai_compatible"},
	azure,
	codex,

	// Vendors of their own models.
	{Name: "01ai", BaseURL: "https://api.lingyiwanwu.com/v1", Operations: ops{chats, models}},
	{Name: "ai21", BaseURL: "https://api.ai21.com/studio/v1", Operations: ops{chats}},
	{Name: "cohere", BaseURL: "https://api.cohere.ai/compatibility/v1", Operations: ops{chats, embeddings}},
	{Name: "dashscope", BaseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", Operations: ops{
		chats, completions, embeddings, files, batches, models, // its Responses are below another URL
	}},
	{Name: "deepseek", BaseURL: "https://api.deepseek.com/v1", Operations: ops{chats, completions, models}},
	{Name: "hunyuan", BaseURL: "https://api.hunyuan.cloud.tencent.com/v1", Operations: ops{chats, embeddings}},
	{Name: "inception", BaseURL: "https://api.inceptionlabs.ai/v1", Operations: ops{chats, models}},
	{Name: "minimax", BaseURL: "https://api.minimax.io/v1", Operations: ops{chats, models}},
	{Name: "mistral", BaseURL: "https://api.mistral.ai/v1", Operations: ops{
		chats, embeddings, moderations, audio, files, models,
	},
		// "stream_options.include_usage: Extra inputs are not permitted", status 422
		// (openai/openai-agents-python#442). The usage comes without being asked for.
		NoStreamUsage: true},
	{Name: "moonshot", BaseURL: "https://api.moonshot.ai/v1", Operations: ops{chats, files, models}},
	// Its base URL has no version, and there is no list of models.
	{Name: "perplexity", BaseURL: "https://api.perplexity.ai", Operations: ops{chats}},
	{Name: "qianfan", BaseURL: "https://qianfan.baidubce.com/v2", Operations: ops{chats, embeddings, images, rerank, models}},
	{Name: "stepfun", BaseURL: "https://api.stepfun.com/v1", Operations: ops{chats, images, audio, files, models}},
	{Name: "upstage", BaseURL: "https://api.upstage.ai/v1", Operations: ops{chats, embeddings}},
	{Name: "volcengine", BaseURL: "https://ark.cn-beijing.volces.com/api/v3", Operations: ops{
		chats, responses, stored, embeddings, images, models,
	}},
	{Name: "xai", BaseURL: "https://api.x.ai/v1", Operations: ops{chats, responses, stored, completions, embeddings, images, models}},
	{Name: "zai", BaseURL: "https://api.z.ai/api/paas/v4", Operations: ops{chats, images, models}},
	{Name: "zhipu", BaseURL: "https://open.bigmodel.cn/api/paas/v4", Operations: ops{
		chats, embeddings, images, audio, files, batches, rerank, models,
	}},

	// Hosts of open models, and routers.
	{Name: "baseten", BaseURL: "https://inference.baseten.co/v1", Operations: ops{chats, models}},
	{Name: "cerebras", BaseURL: "https://api.cerebras.ai/v1", Operations: ops{chats, completions, models}},
	{Name: "chutes", BaseURL: "https://llm.chutes.ai/v1", Operations: ops{chats, completions, models}},
	{Name: "deepinfra", BaseURL: "https://api.deepinfra.com/v1/openai", Operations: ops{chats, completions, embeddings, images, audio, models}},
	{Name: "fireworks", BaseURL: "https://api.fireworks.ai/inference/v1", Operations: ops{
		chats, responses, stored, completions, embeddings, models,
	}},
	{Name: "friendli", BaseURL: "https://api.friendli.ai/serverless/v1", Operations: ops{chats, completions, models}},
	// Its catalog of models is outside the base URL and in a form of its own.
	{Name: "github_models", BaseURL: "https://models.github.ai/inference", Operations: ops{chats, embeddings}},
	{Name: "groq", BaseURL: "https://api.groq.com/openai/v1", Operations: ops{
		chats, responses, audio, files, batches, models, // Responses are not stored
	}},
	{Name: "huggingface", BaseURL: "https://router.huggingface.co/v1", Operations: ops{chats, responses, models}},
	{Name: "hyperbolic", BaseURL: "https://api.hyperbolic.xyz/v1", Operations: ops{chats, completions, models}},
	{Name: "inference_net", BaseURL: "https://api.inference.net/v1", Operations: ops{chats, completions, embeddings, files, batches, models}},
	{Name: "modelscope", BaseURL: "https://api-inference.modelscope.cn/v1", Operations: ops{chats, models}},
	{Name: "nebius", BaseURL: "https://api.tokenfactory.nebius.com/v1", Operations: ops{
		chats, completions, embeddings, images, files, batches, models,
	}},
	{Name: "novita", BaseURL: "https://api.novita.ai/openai/v1", Operations: ops{chats, completions, embeddings, rerank, models}},
	{Name: "nvidia", BaseURL: "https://integrate.api.nvidia.com/v1", Operations: ops{chats, completions, embeddings, models}},
	{Name: "openrouter", BaseURL: "https://openrouter.ai/api/v1", Operations: ops{chats, completions, responses, embeddings, models}},
	{Name: "ovhcloud", BaseURL: "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", Operations: ops{chats, completions, embeddings, models}},
	{Name: "poe", BaseURL: "https://api.poe.com/v1", Operations: ops{chats, responses, models}},
	{Name: "sambanova", BaseURL: "https://api.sambanova.ai/v1", Operations: ops{chats, completions, embeddings, audio, models}},
	{Name: "scaleway", BaseURL: "https://api.scaleway.ai/v1", Operations: ops{chats, embeddings, audio, models}},
	{Name: "siliconflow", BaseURL: "https://api.siliconflow.com/v1", Operations: ops{chats, embeddings, images, audio, rerank, models}},
	{Name: "together", BaseURL: "https://api.together.xyz/v1", Operations: ops{
		chats, completions, embeddings, images, audio, rerank, files, batches, models,
	}},
	{Name: "venice", BaseURL: "https://api.venice.ai/api/v1", Operations: ops{chats, embeddings, images, audio, models}},
	{Name: "vercel", BaseURL: "https://ai-gateway.vercel.sh/v1", Operations: ops{chats, responses, embeddings, models}},
	{Name: "wandb", BaseURL: "https://api.inference.wandb.ai/v1", Operations: ops{chats, models}},

	// Servers on one's own machine, which need no key unless they are started with one.
	ollama,
	{Name: "llamacpp", BaseURL: "http://127.0.0.1:8080/v1", Operations: ops{chats, responses, completions, embeddings, rerank, models}},
	{Name: "lmstudio", BaseURL: "http://127.0.0.1:1234/v1", Operations: ops{chats, responses, completions, embeddings, models}},
	{Name: "sglang", BaseURL: "http://127.0.0.1:30000/v1", Operations: ops{chats, responses, completions, embeddings, rerank, models}},
	{Name: "vllm", BaseURL: "http://127.0.0.1:8000/v1", Operations: ops{
		chats, responses, stored, completions, embeddings, audio, rerank, models,
	}},
}
