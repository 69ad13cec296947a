package mcptest

import "fmt"

// What the server has besides tools.
var (
	resources = each(7, `{"uri":"test://resource/%[1]d","name":"resource-%[1]d","mimeType":"text/plain","x-odd":{"b":%[1]d,"a":12345678901234567890}}`)
	templates = each(2, `{"uriTemplate":"test://template-%[1]d/{id}","name":"template-%[1]d"}`)
	prompts   = each(6, `{"name":"prompt-%[1]d","description":"Prompt %[1]d","arguments":[{"name":"topic","required":false,"x-odd":1.50}]}`)
)

func each(n int, format string) (list []string) {
	for i := 1; i <= n; i++ {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}
