// Package models holds what is known of models: what they cost and what they can
// be asked, as data that is embedded in the program and that an operator overrides.
//
//	cat, err := models.Embedded().With(overrides...)
//	info := cat.Find(models.Query{ProviderType: "openrouter", Model: "anthropic/claude-sonnet-5"})
//	nano, known := info.Price.Cost(usage, time.Now())
//
// A price needs a provider that is known, by its URL or by its type, since the same
// model costs more at one and less at another: what somebody serves on their own
// machine under the name of deepseek-r1 has no price. Capabilities follow from the
// name of the model, and from the upstream where it speaks OpenAI's chat with less
// words. What is not known stays so: no price is ever taken to be 0.
//
// # Where the data comes from
//
// scripts/models/run rewrites the first two files; what it does not understand it
// refuses.
//
//   - prices.json is converted from the npm package @pydantic/genai-prices, version
//     0.1.8, Copyright (c) Pydantic Services Inc. 2025 to present, licensed under
//     the MIT License, whose text is at the end of doc.go.
//   - claude.json states the facts of getModelCapabilities in the npm package
//     @ai-sdk/anthropic, version 4.0.105, Copyright 2023 Vercel, Inc., licensed under
//     the Apache License, Version 2.0 (http://www.apache.org/licenses/LICENSE-2.0).
//     Its form was changed: it is data here, and code there.
//   - capabilities.json is this repository's own, kept by hand: the types that
//     stand for a known upstream, and what vendors' documentation says.
//
// # Rules
//
// A rule is a list of which one member must match the name in lower case. The first
// character of a member says how: = equals, ^ begins, $ ends, ~ contains, / is a
// regular expression; ! before it negates; {"all":[…]} wants all of its members.
// Of several models, or rows of one group, the first that matches wins.
package models

// The MIT License of @pydantic/genai-prices, which asks to be kept with its data:
//
// Copyright (c) Pydantic Services Inc. 2025 to present
//
// Permission is hereby granted, free of charge, to any person obtaining a copy of
// this software and associated documentation files (the "Software"), to deal in the
// Software without restriction, including without limitation the rights to use,
// copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
// Software, and to permit persons to whom the Software is furnished to do so,
// subject to the following conditions:
//
// The above copyright notice and this permission notice shall be included in all
// copies or substantial portions of the Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
// IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS
// FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
// COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN
// AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
// WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
