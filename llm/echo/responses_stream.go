package echo

// responseEvent is any event of a response's stream. What an event does not
// have is nil.
type responseEvent struct {
	Type           string       `json:"type"`
	SequenceNumber int          `json:"sequence_number"`
	Response       *response    `json:"response,omitempty"`
	ItemID         string       `json:"item_id,omitempty"`
	OutputIndex    *int         `json:"output_index,omitempty"`
	ContentIndex   *int         `json:"content_index,omitempty"`
	Item           *outputItem  `json:"item,omitempty"`
	Part           *outputText  `json:"part,omitempty"`
	Delta          *string      `json:"delta,omitempty"`
	Text           *string      `json:"text,omitempty"`
	Name           string       `json:"name,omitempty"`
	Arguments      *string      `json:"arguments,omitempty"`
	Logprobs       *[0]struct{} `json:"logprobs,omitempty"`
}

func (e *responseEvent) setNumber(n int) { e.SequenceNumber = n }

func (e responseEvent) event() event { return event{e.Type, &e} }

// responseStream turns a whole response into the events that lead to it.
func responseStream(begun, done response) []segment {
	segments := []segment{{head: []event{
		responseEvent{Type: "response.created", Response: &begun}.event(),
		responseEvent{Type: "response.in_progress", Response: &begun}.event(),
	}}}
	for i, item := range done.Output {
		if item.Type == "message" {
			segments = append(segments, textSegment(i, item))
		} else {
			segments = append(segments, callSegment(i, item))
		}
	}
	return append(segments, segment{head: []event{
		responseEvent{Type: "response." + done.Status, Response: &done}.event(),
	}})
}

func textSegment(index int, item outputItem) segment {
	whole, empty := item.Content[0], newOutputText("")
	begun := item
	begun.Status, begun.Content = "in_progress", []outputText{}

	at := func(e responseEvent) event { // an event of the message's only part
		e.ItemID, e.OutputIndex, e.ContentIndex = item.ID, &index, new(int)
		return e.event()
	}
	return segment{
		head: []event{
			responseEvent{Type: "response.output_item.added", OutputIndex: &index, Item: &begun}.event(),
			at(responseEvent{Type: "response.content_part.added", Part: &empty}),
		},
		text: whole.Text,
		cut:  word,
		delta: func(piece string) event {
			return at(responseEvent{Type: "response.output_text.delta", Delta: &piece, Logprobs: &[0]struct{}{}})
		},
		tail: []event{
			at(responseEvent{Type: "response.output_text.done", Text: &whole.Text, Logprobs: &[0]struct{}{}}),
			at(responseEvent{Type: "response.content_part.done", Part: &whole}),
			responseEvent{Type: "response.output_item.done", OutputIndex: &index, Item: &item}.event(),
		},
	}
}

func callSegment(index int, item outputItem) segment {
	begun := item
	begun.Status, begun.Arguments = "in_progress", new(string)

	at := func(e responseEvent) event {
		e.ItemID, e.OutputIndex = item.ID, &index
		return e.event()
	}
	return segment{
		head: []event{
			responseEvent{Type: "response.output_item.added", OutputIndex: &index, Item: &begun}.event(),
		},
		text: *item.Arguments,
		cut:  fragment,
		delta: func(piece string) event {
			return at(responseEvent{Type: "response.function_call_arguments.delta", Delta: &piece})
		},
		tail: []event{
			at(responseEvent{Type: "response.function_call_arguments.done", Name: item.Name, Arguments: item.Arguments}),
			responseEvent{Type: "response.output_item.done", OutputIndex: &index, Item: &item}.event(),
		},
	}
}
