makeHead();
makeCauses();
makeMatrix();
makeTimes();
makeHellos();
makeFoot();
makeCell();
addEventListener('hashchange', followAddress);
addEventListener('popstate', followAddress);
followAddress();
if (window.requestIdleCallback)
	requestIdleCallback(() => cells.forEach(textOf));
