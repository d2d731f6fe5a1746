# SPDX-License-Identifier: GPL-2.0-only
# Plots of what report.py has written; run in the directory that it wrote to.
set terminal svg size 720,420 enhanced font "sans,13" background "white"
set datafile missing "?"
set grid ytics lc rgb "#d0d0d0"
set key left top
set style line 1 lc rgb "#b04030" lw 2 pt 7 ps 0.7
set style line 2 lc rgb "#2060a0" lw 2 pt 7 ps 0.7
set style line 3 lc rgb "#b04030" lw 2 pt 6 ps 0.7 dt 2
set style line 4 lc rgb "#2060a0" lw 2 pt 6 ps 0.7 dt 2

set output "functions.svg"
set title "Time to load and to disable a patch, by number of functions"
set logscale xy
set xlabel "functions"
set ylabel "milliseconds, at 1 instruction per nanosecond"
set xrange [0.8:1300]
plot "functions.dat" using 1:($4/1e6) with linespoints ls 3 title "livepatch, disable", \
     "functions.dat" using 1:($2/1e6) with linespoints ls 1 title "livepatch, load", \
     "functions.dat" using 1:($5/1e6) with linespoints ls 4 title "kpatch, disable", \
     "functions.dat" using 1:($3/1e6) with linespoints ls 2 title "kpatch, load"

set output "inside.svg"
set title "Time until a patch is live, with threads asleep in the function (pipe\\_read)"
set xlabel "threads asleep in the function"
set yrange [1:100000]
plot "inside.dat" using 1:($2/1e6) with linespoints ls 1 title "livepatch", \
     "inside.dat" using 1:($3/1e6) with linespoints ls 2 title "kpatch"

unset logscale
set autoscale
set output "stop.svg"
set title "Duration of a stop"
set xlabel "sleeping threads"
set ylabel "thousands of instructions"
set yrange [0:*]
plot "stop.dat" using 1:($2/1e3) with linespoints ls 2 title "kpatch", \
     "stop.dat" using 1:($3/1e3) with linespoints ls 4 title "an empty stop\\_machine()"
