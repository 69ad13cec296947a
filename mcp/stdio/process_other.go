//go:build !unix

package stdio

import "os"

const supported = false

func (p *process) run(spec, []*os.File, chan<- error) {}
func (p *process) terminate()                         {}
func (p *process) kill()                              {}
