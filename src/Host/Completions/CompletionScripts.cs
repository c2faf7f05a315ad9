// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Completions;

/// <summary>What shells are given: they ask <c>lguest complete</c> for everything, so that a script never grows old.</summary>
internal static class CompletionScripts
{
    public static IReadOnlyDictionary<string, string> All { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["bash"] = Bash,
        ["fish"] = Fish,
        ["zsh"] = Zsh,
    };

    private const string Bash =
        """
        # Completions of lguest for bash. In ~/.bashrc: source <(lguest completions bash)
        _lguest() {
            # bash cuts words at = and : as well; what stands together is put together again.
            local line=${COMP_LINE:0:COMP_POINT} words=() i part
            for ((i = 0; i <= COMP_CWORD; i++)); do
                part=${COMP_WORDS[i]}
                if [[ $i -gt 0 && -n $line && $line != [[:space:]]* ]]; then
                    ((i == COMP_CWORD)) && part=$line
                    words[-1]+=$part
                else
                    line=${line#"${line%%[![:space:]]*}"}
                    ((i == COMP_CWORD)) && part=$line
                    words+=("$part")
                fi
                line=${line#"$part"}
            done

            words=("${words[@]//\\/}")

            # It replaces what is behind its last cut, so candidates begin there.
            local typed=${words[-1]} cut= c candidate
            for c in = : @; do
                if [[ $COMP_WORDBREAKS == *"$c"* && $typed == *"$c"* ]]; then
                    part=${typed%"${typed##*"$c"}"}
                    ((${#part} > ${#cut})) && cut=$part
                fi
            done

            COMPREPLY=()
            while IFS=$'\t' read -r candidate _; do
                candidate=${candidate#"$cut"}
                # What the shell would take for its own is quoted; a comma is not, and is in every other word.
                for c in \\ ' ' '"' "'" '$' '&' '(' ')' '*' ';' '<' '>' '?' '[' ']' '`' '{' '}' '|' '!' '#'; do
                    candidate=${candidate//"$c"/\\"$c"}
                done
                COMPREPLY+=("$candidate")
            done < <("${words[0]/#\~\//$HOME/}" complete -- "${words[@]:1}" 2>/dev/null)
            # Of these there is more to come.
            [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=,] ]] && compopt -o nospace
            return 0
        }
        complete -F _lguest lguest

        """;

    private const string Zsh =
        """
        #compdef lguest
        # Completions of lguest for zsh. In ~/.zshrc, behind compinit: source <(lguest completions zsh)
        _lguest() {
            local line
            local -a whole wholeText open openText
            for line in ${(f)"$("${(Q)words[1]/#\~\//$HOME/}" complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)"}; do
                # Of what ends like this there is more to come, so no space.
                if [[ ${line%%$'\t'*} == *[/=,] ]]; then
                    open+=("${line%%$'\t'*}")
                    openText+=("${line/$'\t'/  -- }")
                else
                    whole+=("${line%%$'\t'*}")
                    wholeText+=("${line/$'\t'/  -- }")
                fi
            done
            compadd -d openText -S '' -a open
            compadd -d wholeText -a whole
        }
        compdef _lguest lguest

        """;

    private const string Fish =
        """
        # Completions of lguest for fish. In ~/.config/fish/config.fish: lguest completions fish | source
        function __lguest_complete
            set -l words (commandline -opc)
            set -l program $words[1]
            set -e words[1]
            $program complete -- $words (commandline -ct) 2>/dev/null
        end
        complete -c lguest -f -a '(__lguest_complete)'

        """;
}
