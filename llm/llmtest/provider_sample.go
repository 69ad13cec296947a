package llmtest

// first is a sample of the first operation.
func (s suite) first() sample { return samplesOf(s.opt.Operations[0])[0] }

// streamed is a sample that asks for a stream, if an operation can have one.
func (s suite) streamed() (sample, bool) { return s.find(func(x sample) bool { return x.stream }) }

// uploading is a sample with a body.
func (s suite) uploading() (sample, bool) { return s.find(func(x sample) bool { return x.body != "" }) }

// collected is a sample whose answer the provider collects.
func (s suite) collected() (sample, bool) { return s.find(s.collects) }

// relayed is a sample whose answer is handed on as it comes.
func (s suite) relayed() sample {
	if x, ok := s.streamed(); ok && s.collects(s.first()) {
		return x
	}
	return s.first()
}

func (s suite) collects(x sample) bool { return s.opt.Collects && !x.stream && x.streams() }

// find returns the first sample of which ok is true.
func (s suite) find(ok func(sample) bool) (sample, bool) {
	for _, op := range s.opt.Operations {
		for _, x := range samplesOf(op) {
			if ok(x) {
				return x, true
			}
		}
	}
	return sample{}, false
}
