package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run implements kong's command.
func (c completionCommand) Run(s *session, app *kong.Kong) error {
	_, err := io.WriteString(s.stdout, completions[c.Shell](app.Model.Node))
	return err
}

var completions = map[string]func(*kong.Node) string{"bash": bash, "fish": fish, "zsh": zsh}

// offer is what may stand after some commands: further commands, then flags.
type offer struct {
	after string // the commands so far, apart by spaces
	words []string
}

// offers walks the commands.
func offers(node *kong.Node, after string) []offer {
	here := offer{after: after}
	var below []offer
	for _, child := range node.Children {
		if child.Type == kong.CommandNode {
			here.words = append(here.words, child.Name)
			below = append(below, offers(child, strings.TrimSpace(after+" "+child.Name))...)
		}
	}
	for _, flag := range node.Flags {
		here.words = append(here.words, "--"+flag.Name)
	}
	return append([]offer{here}, below...)
}

func bash(node *kong.Node) string {
	var b strings.Builder
	b.WriteString("# eval \"$(refundctl completion bash)\"\n_refundctl() {\n  local word path=''\n" +
		"  for word in \"${COMP_WORDS[@]:1:$((COMP_CWORD-1))}\"; do\n    [[ $word == -* ]] && continue\n" +
		"    case \"${path:+$path }$word\" in\n")
	list := offers(node, "")
	for _, o := range list[1:] {
		fmt.Fprintf(&b, "      '%[1]s') path='%[1]s' ;;\n", o.after)
	}
	b.WriteString("    esac\n  done\n  local words=''\n  case \"$path\" in\n")
	for _, o := range list {
		fmt.Fprintf(&b, "    '%s') words='%s' ;;\n", o.after, strings.Join(o.words, " "))
	}
	b.WriteString("  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n" +
		"complete -o default -F _refundctl refundctl\n")
	return b.String()
}

// zsh reads bash's completions.
func zsh(node *kong.Node) string {
	return "autoload -U +X bashcompinit && bashcompinit\n" + strings.ReplaceAll(bash(node), "completion bash", "completion zsh")
}

func fish(node *kong.Node) string {
	var b strings.Builder
	b.WriteString("# refundctl completion fish | source\n")
	for _, o := range offers(node, "") {
		when := "__fish_use_subcommand"
		if o.after != "" {
			last := o.after[strings.LastIndexByte(o.after, ' ')+1:]
			when = "__fish_seen_subcommand_from " + last
		}
		fmt.Fprintf(&b, "complete -c refundctl -n '%s' -a '%s'\n", when, strings.Join(o.words, " "))
	}
	return b.String()
}
