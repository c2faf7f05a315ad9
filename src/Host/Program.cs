// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host;
using LguestPlug.Host.CommandLine;

try
{
    return new LguestCommandLine(r => { Console.WriteLine(string.Join(" ", r.Devices.Select(d=>d.Spelling))+"|"+string.Join("|", r.GuestArguments)); return 0; }, _ => 0).Invoke(args, Console.Out);
}
catch (HostException e)
{
    Console.Error.WriteLine("lguest: " + e.Message);
    return e.ExitCode;
}
